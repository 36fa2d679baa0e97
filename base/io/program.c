/* program.c - command line, log and hardening of the daemons. */
#include "base/io/program.h"
#include "base/err.h"
#include "base/io/keys.h"
#include "base/rand.h"
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

const char *program_version(void)
{
    return MILLRACE_VERSION;
}

static void print_usage(const struct program *program, FILE *to)
{
    fprintf(to,
            "usage: %s [--config FILE] [--check]\n"
            "%s\n"
            "  --config FILE  configuration, instead of %s\n"
            "  --check        check configuration and keys, then exit\n"
            "  --version      print the version, then exit\n"
            "  --help         print this, then exit\n"
            "Exit: 0 done, 1 it could not be done (the reason is on stderr), 2 wrong use.\n",
            program->name, program->what, program->config);
}

bool program_begin(const struct program *program, int argc, char **argv, struct program_options *ret)
{
    enum { CONFIG = 1, CHECK, VERSION, HELP };
    static const struct option options[] = {{"config", required_argument, NULL, CONFIG},
                                            {"check", no_argument, NULL, CHECK},
                                            {"version", no_argument, NULL, VERSION},
                                            {"help", no_argument, NULL, HELP},
                                            {0}};
    *ret = (struct program_options){.config = program->config};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case CONFIG:
            ret->config = optarg;
            break;
        case CHECK:
            ret->is_check = true;
            break;
        case VERSION:
            printf("%s %s\n", program->name, program_version());
            return false;
        case HELP:
            print_usage(program, stdout);
            return false;
        default: /* getopt_long() has said what is wrong */
            print_usage(program, stderr);
            ret->exit_status = 2;
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'\n", program->name, argv[optind]);
        print_usage(program, stderr);
        ret->exit_status = 2;
        return false;
    }
    return true;
}

static enum mr_rc pin(int cpu, struct err *err)
{
    cpu_set_t set;
    if (cpu < 0)
        return MR_OK;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0)
        return MR_OK;
    err_set(err, "pin_cpu: there is no CPU %d for this program", cpu);
    return MR_INVALID;
}

/* A connection is a descriptor: as many as this process may have, not the 1,024 that a shell gives it. */
static void take_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

enum mr_rc program_prepare(enum log_level level, enum log_format format, int cpu, struct err *err)
{
    const struct rlimit none = {0, 0};
    struct log_options log = log_defaults();
    log.level = level;
    log.format = format;
    log_set_options(&log);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_CORE, &none);
    take_descriptors();
    prctl(PR_SET_DUMPABLE, 0);
    if (!rand_system() || keys_init() != MR_OK) {
        err_set(err, "the kernel gives no random bytes: getrandom(2) is refused; allow it in the sandbox");
        return MR_MISUSE;
    }
    return pin(cpu, err);
}

int program_end(const struct program *program, enum mr_rc rc, const struct err *err)
{
    if (rc)
        fprintf(stderr, "%s: %s\n", program->name, err->text);
    log_flush();
    return rc ? 1 : 0;
}
