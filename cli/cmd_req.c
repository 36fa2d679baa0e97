/* cmd_req.c - millrace req: asks who serves a topic, and shows the answer. */
#include "cli/client.h"
#include "cli/input.h"
#include "cli/json_line.h"
#include "cli/report.h"
#include "cli/show.h"
#include "proto/limits.h"

struct req {
    const struct args *args;
    struct client *client;
    int code;
};

static void print_answer(const struct req *req, const struct mr_msg *reply)
{
    const struct mr_value *v = &reply->value;
    if (req->args->json) {
        show_json(stdout, reply, NULL);
        return;
    }
    if (v->len)
        fwrite(v->as.ptr, 1, v->len, stdout);
    if (v->len == 0 || ((const char *)v->as.ptr)[v->len - 1] != '\n')
        fputc('\n', stdout);
}

static void on_answer(void *user, enum mr_rc rc, const struct mr_msg *reply)
{
    struct req *req = user;
    const char *topic = req->args->words[0];
    const char *where = client_where(req->client);
    if (rc == MR_OK)
        print_answer(req, reply);
    else if (rc == MR_NO_RESPONDER)
        report_failure(where, rc, "nobody serves '%s'. To serve it: millrace serve '%s' --text hello", topic, topic);
    else if (rc == MR_TIMEOUT)
        report_failure(where, rc, "no answer on '%s' within %d ms; perhaps it was done", topic, req->args->wait_ms);
    else
        client_fail(req->client, rc);
    req->code = report_exit(rc);
    client_done(req->client);
}

static int ask(struct req *req, const struct buf *data)
{
    const struct args *args = req->args;
    enum { SLACK_MS = 1000 }; /* the SDK's own time ends first */
    enum mr_rc rc =
        mr_request(client_bus(req->client), args->words[0], data->data, data->len, args->wait_ms, on_answer, req);
    if (rc)
        return client_fail(req->client, rc);
    switch (client_run(req->client, args->wait_ms + SLACK_MS)) {
    case CLIENT_DONE:
        return req->code;
    case CLIENT_INTERRUPTED:
        return EXIT_INTERRUPTED;
    case CLIENT_LATE:
        return EXIT_TIMEOUT;
    case CLIENT_CLOSED:
        break;
    }
    return EXIT_FAILED;
}

int cmd_req(const struct args *args)
{
    int code;
    struct err err = {{0}};
    struct buf data;
    struct req req = {.args = args};
    if (client_check_topic(args, args->words[0], false, &code))
        return code;
    if (args->wait_ms > REQUEST_WAIT_MAX_MS)
        return report_usage("req", "--wait is at most %d s", REQUEST_WAIT_MAX_MS / 1000);
    buf_init(&data, VALUE_MAX_BYTES);
    enum mr_rc rc = input_read(args->n_words > 1 ? args->words[1] : NULL, &data, &err);
    if (rc)
        code = report_failure("", rc, "%s", err.text);
    else if (client_open(args, &req.client, &code) == MR_OK)
        code = ask(&req, &data);
    client_close(req.client, 0);
    buf_fini(&data);
    return code;
}
