/* fuzz_interest.c - any changes, parts and acknowledgements at a client and, separately, at a server. */
#include "proto/interest.h"
#include "tests/support/fuzz_input.h"

enum { MAX_ENTRIES = 16, PART_BYTES = 80 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void take_burst(struct interest_client *c)
{
    struct interest_part part;
    struct session_interest entry;

    while (interest_client_part(c, &part) == MR_OK) {
        uint32_t bytes = 0;
        fuzz_hold(part.version == c->sent && part.version <= c->version);
        while (interest_client_next(c, &entry))
            bytes += entry.filter ? interest_weight(&entry) : INTEREST_ENTRY_BYTES;
        fuzz_hold(bytes <= PART_BYTES);
        if (!part.more)
            break;
    }
}

static void act_client(struct interest_client *c, struct fuzz_input *in)
{
    static const char *const filters[] = {"a", "a/#", "plant/+/oil/temp", ""};
    uint32_t id = fuzz_u8(in) % 32;
    struct session_interest entry = {.id = id, .filter = filters[fuzz_u8(in) % 4]};
    bool is_news;

    switch (fuzz_u8(in) % 5) {
    case 0:
        (void)!interest_client_remove(c, id);
        break;
    case 1:
        take_burst(c);
        break;
    case 2:
        (void)!interest_client_acked(c, fuzz_u8(in) & 1 ? c->sent : fuzz_number(in), id & 1, &is_news);
        break;
    case 3:
        (void)interest_client_refused(c, id);
        break;
    default:
        (void)!interest_client_add(c, &entry);
    }
    fuzz_hold(c->count - c->removals <= MAX_ENTRIES && c->count <= 2 * MAX_ENTRIES);
    fuzz_hold(c->acked <= c->sent && c->sent <= c->version);
}

static void act_server(struct interest_server *s, struct fuzz_input *in)
{
    struct interest_part part = {fuzz_u8(in), fuzz_u8(in) & 1, fuzz_u8(in) & 1};
    enum interest_verdict verdict;
    bool forget;

    if (fuzz_u8(in) & 1) {
        (void)!interest_server_ack(s, part.version, part.more);
    } else if (interest_server_part(s, &part, &forget) == MR_OK) {
        while (forget && interest_server_first(s))
            fuzz_hold(interest_server_drop(s, interest_server_first(s)) == INTEREST_TAKE);
        for (uint8_t n = fuzz_u8(in) % 8; n; n--) {
            (void)interest_server_drop(s, fuzz_u8(in));
            (void)!interest_server_add(s, 1u + fuzz_u8(in), &verdict);
        }
        fuzz_hold(interest_server_end(s, &part) == !part.more);
    }
    fuzz_hold(s->count <= MAX_ENTRIES && s->acked <= s->version);
    for (uint32_t i = 1; i < s->count; i++)
        fuzz_hold(s->ids[i - 1] < s->ids[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    struct interest_client c;
    struct interest_server s;

    interest_client_init(&c, MAX_ENTRIES, PART_BYTES);
    interest_server_init(&s, MAX_ENTRIES);
    while (in.left) {
        act_client(&c, &in);
        act_server(&s, &in);
    }
    interest_client_fini(&c);
    interest_server_fini(&s);
    return 0;
}
