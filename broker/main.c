/* main.c - millrace-broker: command line, signals, exit. */
#include "base/io/keys.h"
#include "base/io/program.h"
#include "base/rand.h"
#include "broker/broker.h"
#include "broker/registry.h"
#include <signal.h>
#include <stdio.h>

static const struct program program = {.name = "millrace-broker",
                                       .what = "The broker of a Millrace plant: agents connect to it.",
                                       .config = "/etc/millrace/broker.yaml"};

struct run {
    struct loop *loop;
    struct broker *broker;
    struct loop_signal *term, *interrupt, *hangup;
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
    broker_stop(run->broker, on_stopped, run);
}

static void on_hangup(void *user)
{
    struct run *run = user;
    struct err err = {{0}};
    if (broker_reload(run->broker, &err) != MR_OK)
        log_event(ERROR, "BROKER-RELOAD-FAILED", "reason=%s kept=%s", err.text, "the registry as it was");
}

static enum mr_rc watch_signals(struct run *run, struct err *err)
{
    enum mr_rc rc = loop_signal_new(run->loop, SIGTERM, on_term, run, &run->term);
    if (!rc)
        rc = loop_signal_new(run->loop, SIGINT, on_term, run, &run->interrupt);
    if (!rc)
        rc = loop_signal_new(run->loop, SIGHUP, on_hangup, run, &run->hangup);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc;
}

/* Serves until a signal ends it. */
static enum mr_rc serve(struct zctx *zctx, struct run *run, const struct broker_conf *conf, struct err *err)
{
    enum mr_rc rc = broker_new(&run->broker, run->loop, zctx, conf, err);
    if (!rc)
        rc = watch_signals(run, err);
    if (!rc)
        rc = broker_start(run->broker, err);
    if (!rc)
        loop_run(run->loop);
    loop_signal_free(run->term);
    loop_signal_free(run->interrupt);
    loop_signal_free(run->hangup);
    broker_free(run->broker);
    return rc;
}

static enum mr_rc run_broker(const struct broker_conf *conf, struct err *err)
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
        rc = serve(zctx, &run, conf, err);
    loop_turn(run.loop, 0); /* reaps what was freed last */
    zctx_free(zctx);
    loop_free(run.loop);
    return rc;
}

/* What --check looks at beyond broker.yaml. */
static enum mr_rc check(const struct broker_conf *conf, struct err *err)
{
    struct key_pair *keys = NULL;
    struct registry *registry = NULL;
    enum mr_rc rc = keys_load(conf->key_file, &keys, err);
    if (!rc)
        rc = registry_load(conf->registry_file, rand_system(), &registry, err);
    if (!rc)
        printf("ok: broker '%s' on %s, %zu identities\n", conf->name, conf->listen_agents, registry_count(registry));
    registry_free(registry);
    keys_free(keys);
    return rc;
}

int main(int argc, char **argv)
{
    struct program_options options;
    struct broker_conf conf;
    struct err err = {{0}};
    if (!program_begin(&program, argc, argv, &options))
        return options.exit_status;
    if (broker_conf_load(options.config, &conf, &err) != MR_OK ||
        program_prepare(conf.log_level, conf.log_format, conf.pin_cpu, &err) != MR_OK)
        return fail(&err);
    enum mr_rc rc = options.is_check ? check(&conf, &err) : run_broker(&conf, &err);
    if (rc)
        return fail(&err);
    log_flush();
    return 0;
}
