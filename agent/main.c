/* main.c - millrace-agent: command line, signals, exit. */
#include "agent/agent.h"
#include "base/io/program.h"
#include <signal.h>
#include <stdio.h>

static const struct program program = {
    .name = "millrace-agent",
    .what = "The Millrace agent of this machine: apps connect to it, it connects to a broker.",
    .config = "/etc/millrace/agent.yaml"};

struct run {
    struct loop *loop;
    struct agent *agent;
    struct loop_signal *term, *interrupt;
    bool is_stopping;
};

static int fail(const struct err *err)
{
    fprintf(stderr, "%s: %s\n", program.name, err->text);
    log_flush();
    return 1;
}

static void on_stopped(void *user)
{
    struct run *run = user;
    loop_stop(run->loop);
}

static void on_term(void *user)
{
    struct run *run = user;
    if (run->is_stopping)
        return;
    run->is_stopping = true;
    agent_stop(run->agent, on_stopped, run);
}

static enum mr_rc watch_signals(struct run *run, struct err *err)
{
    enum mr_rc rc = loop_signal_new(run->loop, SIGTERM, on_term, run, &run->term);
    if (!rc)
        rc = loop_signal_new(run->loop, SIGINT, on_term, run, &run->interrupt);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc;
}

/* Works until a signal ends it. */
static enum mr_rc work(struct zctx *zctx, struct run *run, const struct agent_conf *conf, struct err *err)
{
    enum mr_rc rc = agent_new(&run->agent, run->loop, zctx, conf, err);
    if (!rc)
        rc = agent_start(run->agent, err);
    if (!rc)
        rc = watch_signals(run, err);
    if (!rc)
        loop_run(run->loop);
    loop_signal_free(run->term);
    loop_signal_free(run->interrupt);
    agent_free(run->agent);
    return rc;
}

static enum mr_rc run_agent(const struct agent_conf *conf, struct err *err)
{
    struct run run = {.loop = NULL};
    struct zctx *zctx = NULL;
    enum mr_rc rc = loop_new(&run.loop);
    if (rc) {
        err_set(err, "%s", rc_text(rc));
        return rc;
    }
    rc = zctx_new(conf->pin_cpu, &zctx, err);
    if (!rc)
        rc = work(zctx, &run, conf, err);
    loop_turn(run.loop, 0); /* reaps what was freed last */
    zctx_free(zctx);
    loop_free(run.loop);
    return rc;
}

/* What --check looks at beyond agent.yaml. */
static enum mr_rc check(const struct agent_conf *conf, struct err *err)
{
    struct key_pair *keys = NULL;
    enum mr_rc rc = keys_load(conf->key_file, &keys, err);
    if (!rc)
        printf("ok: agent '%s', %zu brokers, socket %s\n", conf->name, conf->n_brokers, conf->socket_path);
    keys_free(keys);
    return rc;
}

int main(int argc, char **argv)
{
    struct program_options options;
    struct agent_conf conf;
    struct err err = {{0}};
    if (!program_begin(&program, argc, argv, &options))
        return options.exit_status;
    if (agent_conf_load(options.config, &conf, &err) != MR_OK ||
        program_prepare(conf.log_level, conf.log_format, conf.pin_cpu, &err) != MR_OK)
        return fail(&err);
    enum mr_rc rc = options.is_check ? check(&conf, &err) : run_agent(&conf, &err);
    if (rc)
        return fail(&err);
    log_flush();
    return 0;
}
