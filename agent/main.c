/* main.c - millrace-agent: command line, signals, exit. */
#include <stdio.h>

#include "agent/agent.h"
#include "base/io/program.h"
#include "base/io/service.h"

static const struct program program = {
    .name = "millrace-agent",
    .what = "The Millrace agent of this machine: apps connect to it, it connects to a broker.",
    .config = "/etc/millrace/agent.yaml"};

struct daemon {
    struct agent_conf conf;
    struct agent *agent;
};

static enum mr_rc make(void *user, struct loop *loop, struct zctx *zctx, struct err *err)
{
    struct daemon *d = user;
    return agent_new(&d->agent, loop, zctx, &d->conf, err);
}

static enum mr_rc start(void *user, struct err *err)
{
    struct daemon *d = user;
    return agent_start(d->agent, err);
}

static void stop(void *user, loop_fn *on_stopped, void *on_stopped_user)
{
    struct daemon *d = user;
    agent_stop(d->agent, on_stopped, on_stopped_user);
}

static void end(void *user)
{
    struct daemon *d = user;
    agent_free(d->agent);
}

static const struct service service = {.make = make, .start = start, .stop = stop, .end = end};

/* What --check looks at beyond agent.yaml. */
static enum mr_rc check(const struct agent_conf *conf, struct err *err)
{
    struct key_pair *keys = NULL;
    enum mr_rc rc = agent_load_key(conf, &keys, err);
    if (!rc)
        printf("ok: agent '%s', %zu brokers, socket %s\n", conf->name, conf->n_brokers, conf->socket_path);
    keys_free(keys);
    return rc;
}

int main(int argc, char **argv)
{
    struct program_options options;
    struct daemon d = {.agent = NULL};
    struct err err = {{0}};
    if (!program_begin(&program, argc, argv, &options))
        return options.exit_status;
    enum mr_rc rc = agent_conf_load(options.config, &d.conf, &err);
    if (!rc)
        rc = program_prepare(d.conf.log_level, d.conf.log_format, d.conf.pin_cpu, &err);
    if (!rc)
        rc = options.is_check ? check(&d.conf, &err) : service_run(&service, &d, d.conf.pin_cpu, &err);
    return program_end(&program, rc, &err);
}
