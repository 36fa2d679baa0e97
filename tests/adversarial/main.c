/* main.c - a peer that means harm: one way to misbehave towards a broker for some seconds, and what came of it as JSON.
 *
 *   adversary list                                 the ways, one JSON object a line
 *   adversary MODE HOST:PORT SERVER FILE SECONDS [VICTIM TOPIC HELD PER_S SEED]
 * SERVER: the broker's public key, Z85. FILE: a key file; for modes without a key, one the broker does not know. VICTIM: the name of
 * another identity; TOPIC: what others talk on; HELD: connections held at once; PER_S: attempts a second at most.
 * Exit: 0 the time is over, 1 wrong use. */
#include "attack.h"
#include "base/err.h"
#include "base/io/keys.h"
#include "base/io/zsock.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_MIN = 6, ARGS_MAX = 11, HELD = 300, HELD_MAX = 10000, PER_S = 1000, PER_S_MAX = 1000000 };

static const struct attack_modes *const groups[] = {&attack_strangers, &attack_known, &attack_sessions, &attack_floods};
static const char *const ends[] = {
    [ATTACK_REFUSED] = "refused", [ATTACK_NAMED] = "named", [ATTACK_BOUNDED] = "bounded"};

static int complain(const char *words)
{
    fprintf(stderr, "adversary: %s\n", words);
    return EXIT_FAILURE;
}

static int list(void)
{
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (size_t i = 0; i < groups[g]->n; i++) {
            const struct attack_mode *mode = &groups[g]->modes[i];
            printf("{\"mode\": \"%s\", \"group\": \"%s\", \"end\": \"%s\", \"what\": \"%s\"}\n", mode->name,
                   groups[g]->group, ends[mode->end], mode->what);
        }
    return EXIT_SUCCESS;
}

static const struct attack_mode *find_mode(const char *name)
{
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (size_t i = 0; i < groups[g]->n; i++)
            if (strcmp(groups[g]->modes[i].name, name) == 0)
                return &groups[g]->modes[i];
    return NULL;
}

static bool read_address(const char *text, struct sockaddr_in *ret)
{
    struct zsock_address address;
    struct err err;
    if (zsock_address_parse(text, 0, &address, &err) != MR_OK)
        return false;
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(address.port)};
    return inet_pton(AF_INET, address.host, &ret->sin_addr) == 1;
}

static uint64_t number_or(int argc, char **argv, int at, uint64_t otherwise, uint64_t max)
{
    uint64_t n = argc > at ? strtoull(argv[at], NULL, 10) : 0;
    return n >= 1 && n <= max ? n : otherwise;
}

/* Words as a JSON string. */
static void print_text(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c >= ' ' && *c < 0x7f && *c != '"' && *c != '\\')
            putchar(*c);
        else
            printf("\\u%04x", *c);
    putchar('"');
}

static void print_tally(const struct attack_mode *mode, const struct attack *a)
{
    const struct attack_tally *t = &a->tally;
    printf("{\"mode\": \"%s\", \"attempts\": %" PRIu64 ", \"unreachable\": %" PRIu64 ", \"admitted\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"cut\": %" PRIu64 ", \"survived\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"last_words\": ",
           mode->name, t->attempts, t->unreachable, t->admitted, t->refused, t->cut, t->survived, t->bytes);
    print_text(a->last_words);
    puts("}");
}

static int attack(int argc, char **argv)
{
    struct attack a = {.held = (unsigned)number_or(argc, argv, 8, HELD, HELD_MAX),
                       .per_s = number_or(argc, argv, 9, PER_S, PER_S_MAX),
                       .random = number_or(argc, argv, 10, 1, UINT64_MAX),
                       .victim = argc > 6 ? argv[6] : "victim",
                       .topic = argc > 7 ? argv[7] : "#"};
    struct key_pair *keys = NULL;
    struct err err = {{0}};
    const struct attack_mode *mode = find_mode(argv[1]);
    if (!mode)
        return complain("no such mode: see 'adversary list'");
    if (!read_address(argv[2], &a.target.address) || keys_z85_decode(argv[3], a.target.keys.server) != MR_OK)
        return complain("an IPv4 address with a port, then the broker's public key");
    if (keys_load(argv[4], &keys, &err) != MR_OK)
        return complain(err.text);
    memcpy(a.target.keys.own_public, keys_public(keys), CURVE_KEY_BYTES);
    memcpy(a.target.keys.own_secret, keys_secret(keys), CURVE_KEY_BYTES);
    a.name = keys_name(keys);
    a.until_ns = wire_now_ns() + (int64_t)(strtod(argv[5], NULL) * 1e9);
    mode->run(&a);
    print_tally(mode, &a);
    keys_free(keys);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (keys_init() != MR_OK)
        return complain("no random bytes");
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list();
    if (argc < ARGS_MIN || argc > ARGS_MAX)
        return complain(
            "usage: adversary list | adversary MODE HOST:PORT SERVER FILE SECONDS [VICTIM TOPIC HELD PER_S SEED]");
    return attack(argc, argv);
}
