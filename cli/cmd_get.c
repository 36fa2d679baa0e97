/* cmd_get.c - millrace get: current values as a table, once or again and again. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/report.h"
#include "cli/values.h"

struct get {
    const struct args *args;
    struct client *client;
    struct values *values;
    struct terminal terminal;
    size_t n_open; /* subscriptions whose last values are not complete */
    enum mr_rc rc; /* the first thing that went wrong */
};

static void on_message(void *user, const struct mr_msg *msg)
{
    struct get *get = user;
    enum mr_rc rc = MR_OK;
    if (msg->kind == MR_DATA) {
        rc = values_put(get->values, msg);
    } else if (msg->kind == MR_ENDED && msg->cause == MR_RIGHTS) {
        report_failure(client_where(get->client), MR_DENIED, "%s", msg->text ? msg->text : msg->topic);
        rc = MR_DENIED;
    }
    if (rc && !get->rc)
        get->rc = rc;
    if (rc || (msg->kind == MR_ENDED && --get->n_open == 0))
        client_done(get->client);
}

static enum mr_rc subscribe(struct get *get)
{
    static const char everything[] = "#";
    const struct args *args = get->args;
    const struct mr_sub_opt opt = {.size = sizeof opt, .snapshot_only = !args->watch};
    enum mr_rc rc = MR_OK;
    get->n_open = args->n_words ? args->n_words : 1;
    for (size_t i = 0; i < get->n_open && !rc; i++)
        rc = mr_subscribe(client_bus(get->client), args->n_words ? args->words[i] : everything, &opt, on_message, get,
                          NULL);
    return rc;
}

static enum mr_rc print(struct get *get)
{
    enum values_form form = get->args->json ? VALUES_JSON : VALUES_TABLE;
    return values_print(get->values, form, get->args->all_publishers, clock_real_us(clock_system()), &get->terminal);
}

static int no_memory(const struct get *get)
{
    return report_failure(client_where(get->client), MR_NO_MEMORY,
                          "too many values at once; ask with a narrower filter");
}

static int run_once(struct get *get)
{
    enum client_end end = client_run(get->client, get->args->wait_ms);
    client_note_isolation(get->client);
    if (end == CLIENT_CLOSED || get->rc == MR_DENIED)
        return EXIT_FAILED;
    if (end == CLIENT_INTERRUPTED && values_count(get->values) == 0)
        return EXIT_INTERRUPTED;
    if (get->rc || (values_count(get->values) && print(get)))
        return no_memory(get);
    if (end == CLIENT_LATE) {
        report_failure(client_where(get->client), MR_TIMEOUT,
                       "the last values were not complete within %d ms; see --wait", get->args->wait_ms);
        return EXIT_TIMEOUT;
    }
    if (values_count(get->values))
        return EXIT_DONE;
    return report_failure(client_where(get->client), MR_NOT_FOUND, "no topic that matches has a last value");
}

static int run_again_and_again(struct get *get)
{
    enum { ROUND_MS = 1000 };
    enum client_end end;
    const char *home = get->terminal.is_tty ? "\033[H\033[2J" : "";
    client_watch_state(get->client);
    do {
        end = client_run(get->client, ROUND_MS);
        fputs(home, get->terminal.out);
        if (get->rc || print(get))
            return get->rc == MR_DENIED ? EXIT_FAILED : no_memory(get);
        if (!get->terminal.is_tty && !get->args->json)
            fputc('\n', get->terminal.out);
    } while (end == CLIENT_LATE && fflush(get->terminal.out) == 0);
    return end == CLIENT_CLOSED ? EXIT_FAILED : EXIT_DONE;
}

int cmd_get(const struct args *args)
{
    int code = EXIT_DONE;
    struct get get = {.args = args, .terminal = terminal_of(stdout)};
    for (size_t i = 0; i < args->n_words; i++)
        if (client_check_topic(args, args->words[i], true, &code))
            return code;
    if (client_open(args, &get.client, &code))
        return code;
    enum mr_rc rc = values_new(&get.values);
    if (rc)
        code = no_memory(&get);
    else if ((rc = subscribe(&get)))
        code = client_fail(get.client, rc);
    else
        code = args->watch ? run_again_and_again(&get) : run_once(&get);
    values_free(get.values);
    client_close(get.client, 0);
    return code;
}
