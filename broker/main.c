/* main.c - millrace-broker: command line, signals, exit. */
#include <stdio.h>

#include "base/io/keys.h"
#include "base/io/program.h"
#include "base/io/service.h"
#include "base/rand.h"
#include "broker/broker.h"
#include "broker/registry.h"

static const struct program program = {.name = "millrace-broker",
                                       .what = "The broker of a Millrace plant: agents connect to it.",
                                       .config = "/etc/millrace/broker.yaml"};

struct daemon {
    struct broker_conf conf;
    struct broker *broker;
};

static enum mr_rc make(void *user, struct loop *loop, struct zctx *zctx, struct err *err)
{
    struct daemon *d = user;
    return broker_new(&d->broker, loop, zctx, &d->conf, err);
}

static enum mr_rc start(void *user, struct err *err)
{
    struct daemon *d = user;
    return broker_start(d->broker, err);
}

static void reload(void *user)
{
    struct daemon *d = user;
    struct err err = {{0}};
    if (broker_reload(d->broker, &err) != MR_OK)
        log_event(ERROR, "BROKER-RELOAD-FAILED", "reason=%s kept=%s", err.text, "registry and directory as they were");
}

static void stop(void *user, loop_fn *on_stopped, void *on_stopped_user)
{
    struct daemon *d = user;
    broker_stop(d->broker, on_stopped, on_stopped_user);
}

static void end(void *user)
{
    struct daemon *d = user;
    broker_free(d->broker);
}

static const struct service service = {.make = make, .start = start, .reload = reload, .stop = stop, .end = end};

/* What --check looks at beyond broker.yaml. */
static enum mr_rc check(const struct broker_conf *conf, struct err *err)
{
    struct key_pair *keys = NULL;
    struct registry *registry = NULL;
    enum mr_rc rc = broker_load_key(conf, &keys, err);
    if (!rc)
        rc = registry_load(conf->registry_file, rand_system(), &registry, err);
    if (!rc)
        printf("ok: broker '%s' on %s, %zu identities, %zu peers\n", conf->name, conf->listen_agents,
               registry_count(registry), conf->peers.n);
    registry_free(registry);
    keys_free(keys);
    return rc;
}

int main(int argc, char **argv)
{
    struct program_options options;
    struct daemon d = {.broker = NULL};
    struct err err = {{0}};
    if (!program_begin(&program, argc, argv, &options))
        return options.exit_status;
    enum mr_rc rc = broker_conf_load(options.config, &d.conf, &err);
    if (!rc)
        rc = program_prepare(d.conf.log_level, d.conf.log_format, d.conf.pin_cpu, &err);
    if (!rc)
        rc = options.is_check ? check(&d.conf, &err) : service_run(&service, &d, d.conf.pin_cpu, &err);
    return program_end(&program, rc, &err);
}
