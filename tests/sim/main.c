/* main.c - mrsim: runs seeds, replays one, says which seed broke which promise. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "checker.h"
#include "selftest.h"
#include "world.h"

enum { JOBS_MOST = 64 };

struct plan {
    struct world_options options;
    uint64_t n_seeds, from;
    long jobs;
    bool goes_on; /* after a seed that failed */
};

struct outcome {
    struct verdict verdict;
    uint64_t trace_hash, steps;
    double seconds;
    unsigned faults;
    size_t accepted, items;
    struct mesh_count mesh;
    int64_t agreed_after_ns; /* of runs with several brokers; -1: of others */
};

/* What a worker writes for whoever reads it: where it is, and how long brokers took to agree. */
struct shared {
    uint64_t current[JOBS_MOST];
    int32_t agreed_after_ms[]; /* by seed, -1: says nothing */
};

static const char usage[] =
    "usage: mrsim --seed N [--trace]            one run, exactly as every time before\n"
    "       mrsim --seeds N [--from S] [--jobs J]   N runs from seed S (1) on, J at a time (all processors)\n"
    "       mrsim --selftest                    does the checker find what is wrong in a history?\n"
    "       mrsim --same N                      N seeds, each run twice: are the traces equal?\n"
    "options: --brokers N, --agents N, --programs N (else as the seed says), --no-faults,\n"
    "         --bare, --sdk (programs that speak the protocol themselves, or on libmillrace; else some of both),\n"
    "         --keep-going (all seeds that fail, not the first of each job)\n";

static void count(const struct history *h, struct outcome *o)
{
    for (int i = 0; i < h->n_machines; i++)
        o->accepted += h->machines[i].n;
    for (size_t i = 0; i < h->n_subs; i++)
        o->items += h->subs[i]->n;
}

static void run_one(const struct world_options *options, struct outcome *ret)
{
    struct world *w = sim_alloc(1, sizeof *w);
    size_t before = mem_outstanding();
    *ret = (struct outcome){.steps = 0};
    world_init(w, options);
    world_run(w);
    checker_run(&w->history, &ret->verdict);
    ret->trace_hash = w->sim.trace_hash;
    ret->steps = w->sim.steps;
    ret->seconds = (double)w->sim.now_ns / (double)SIM_S;
    ret->faults = w->n_faults;
    count(&w->history, ret);
    for (int i = 0; i < w->n_brokers; i++) {
        ret->mesh.bytes += w->brokers[i].mesh.bytes;
        ret->mesh.batch_bytes += w->brokers[i].mesh.batch_bytes;
        ret->mesh.kept += w->brokers[i].mesh.kept;
        ret->mesh.others += w->brokers[i].mesh.others;
    }
    ret->agreed_after_ns = w->n_brokers > 1 && w->n_faults ? w->agreed_after_ns : -1;
    world_fini(w);
    free(w);
    if (ret->verdict.rule == RULE_NONE && mem_outstanding() != before) {
        ret->verdict.rule = RULE_SEEN;
        snprintf(ret->verdict.text, sizeof ret->verdict.text, "%zd blocks of memory were not given back",
                 (ssize_t)(mem_outstanding() - before));
    }
}

static void print_number(const char *option, int n)
{
    if (n > 0)
        printf(" %s %d", option, n);
}

static void print_replay(const struct world_options *options, uint64_t seed)
{
    printf("  replay: mrsim --seed %llu", (unsigned long long)seed);
    print_number("--brokers", options->n_brokers);
    print_number("--agents", options->n_agents);
    print_number("--programs", options->n_programs);
    printf("%s%s --trace\n", options->no_faults ? " --no-faults" : "",
           options->kind == &client_bare  ? " --bare"
           : options->kind == &client_sdk ? " --sdk"
                                          : "");
}

static void print_failure(const struct world_options *options, uint64_t seed, const struct verdict *v)
{
    printf("seed %llu breaks '%s': %s\n", (unsigned long long)seed, rule_name(v->rule), v->text);
    print_replay(options, seed);
}

static int run_single(const struct plan *plan)
{
    struct outcome o;
    run_one(&plan->options, &o);
    printf("seed %llu: %.1f s, %llu events, %u faults, %zu records accepted, %zu items given, trace %016llx\n",
           (unsigned long long)plan->options.seed, o.seconds, (unsigned long long)o.steps, o.faults, o.accepted,
           o.items, (unsigned long long)o.trace_hash);
    if (o.verdict.rule == RULE_NONE)
        return 0;
    print_failure(&plan->options, plan->options.seed, &o.verdict);
    return 1;
}

/* What the runs of a worker add up to. */
struct sum {
    double seconds;
    uint64_t steps, kept, others, batch_bytes, bytes;
};

static void add(struct sum *sum, const struct outcome *o)
{
    sum->seconds += o->seconds;
    sum->steps += o->steps;
    sum->kept += o->mesh.kept;
    sum->others += o->mesh.others;
    sum->batch_bytes += o->mesh.batch_bytes;
    sum->bytes += o->mesh.bytes;
}

/* The seeds of one worker: from + nth, from + nth + jobs, … Ends at the first failure, or goes on where all are wanted. */
static int work(const struct plan *plan, uint64_t nth, struct shared *shared, int report)
{
    struct sum sum = {.seconds = 0};
    int failed = 0;
    for (uint64_t i = nth; i < plan->n_seeds && (!failed || plan->goes_on); i += (uint64_t)plan->jobs) {
        struct world_options options = plan->options;
        struct outcome o;
        options.seed = shared->current[nth] = plan->from + i;
        run_one(&options, &o);
        add(&sum, &o);
        shared->agreed_after_ms[i] = o.agreed_after_ns < 0 ? -1 : (int32_t)(o.agreed_after_ns / SIM_MS);
        if (o.verdict.rule == RULE_NONE)
            continue;
        print_failure(&plan->options, options.seed, &o.verdict);
        fflush(stdout);
        failed = 1;
    }
    return write(report, &sum, sizeof sum) == sizeof sum ? failed : 1;
}

/* One worker per job; says which seed a worker died of. Returns whether any failed. */
static int wait_for_all(const struct plan *plan, const pid_t *workers, const uint64_t *current)
{
    int failed = 0, status;
    for (pid_t pid; (pid = wait(&status)) > 0;) {
        failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        for (long j = 0; j < plan->jobs; j++) {
            if (workers[j] != pid || !WIFSIGNALED(status))
                continue;
            printf("seed %llu ends by signal %d\n", (unsigned long long)current[j], WTERMSIG(status));
            print_replay(&plan->options, current[j]);
        }
    }
    return failed;
}

static int by_time(const void *a, const void *b)
{
    return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b);
}

/* Takes the order of times. */
static void print_mesh(const struct sum *sum, int32_t *times, uint64_t n)
{
    qsort(times, n, sizeof *times, by_time);
    while (n > 0 && *times < 0) {
        times++;
        n--;
    }
    if (n > 0)
        printf("  brokers agree after the last heal: median %d ms, p99 %d ms, at most %d ms (%llu runs)\n",
               times[n / 2], times[n * 99 / 100], times[n - 1], (unsigned long long)n);
    uint64_t records = sum->kept + sum->others;
    if (records > 0)
        printf(
            "  mesh: %llu kept records to a peer each, %llu others, %.1f bytes per record, %.1f with all that is not "
            "records\n",
            (unsigned long long)sum->kept, (unsigned long long)sum->others, (double)sum->batch_bytes / (double)records,
            (double)sum->bytes / (double)records);
}

static void print_sum(const struct plan *plan, int reports, struct shared *shared, bool is_kept)
{
    struct sum all = {.seconds = 0}, one;
    while (read(reports, &one, sizeof one) == sizeof one) {
        all.seconds += one.seconds;
        all.steps += one.steps;
        all.kept += one.kept;
        all.others += one.others;
        all.batch_bytes += one.batch_bytes;
        all.bytes += one.bytes;
    }
    printf("%llu seeds from %llu, %s: %.0f s simulated, %llu events\n", (unsigned long long)plan->n_seeds,
           (unsigned long long)plan->from, is_kept ? "all promises kept" : "not all promises kept", all.seconds,
           (unsigned long long)all.steps);
    print_mesh(&all, shared->agreed_after_ms, plan->n_seeds);
}

static int run_many(const struct plan *plan)
{
    int fds[2];
    pid_t workers[JOBS_MOST];
    size_t size = sizeof(struct shared) + plan->n_seeds * sizeof(int32_t);
    struct shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pipe(fds))
        return 2;
    for (long j = 0; j < plan->jobs; j++) {
        workers[j] = fork();
        if (workers[j] < 0)
            return 2;
        if (workers[j] == 0)
            _exit(work(plan, (uint64_t)j, shared, fds[1]));
    }
    close(fds[1]);
    int failed = wait_for_all(plan, workers, shared->current);
    if (!failed || plan->goes_on)
        print_sum(plan, fds[0], shared, !failed);
    close(fds[0]);
    munmap(shared, size);
    return failed;
}

static int run_twice(const struct plan *plan)
{
    for (uint64_t i = 0; i < plan->n_seeds; i++) {
        struct world_options options = plan->options;
        struct outcome first, second;
        options.seed = plan->from + i;
        run_one(&options, &first);
        void *elsewhere = malloc(4096 * (i + 1)); /* so that addresses differ */
        run_one(&options, &second);
        free(elsewhere);
        if (first.trace_hash == second.trace_hash)
            continue;
        printf("seed %llu has two traces: %016llx and %016llx\n", (unsigned long long)options.seed,
               (unsigned long long)first.trace_hash, (unsigned long long)second.trace_hash);
        return 1;
    }
    printf("%llu seeds, each twice: the same traces\n", (unsigned long long)plan->n_seeds);
    return 0;
}

enum mode { MODE_NONE, MODE_SINGLE, MODE_MANY, MODE_TWICE, MODE_SELFTEST };

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    if (*end || !*text) {
        fprintf(stderr, "mrsim: '%s' is no number\n%s", text, usage);
        exit(2);
    }
    return n;
}

static enum mode read_options(int argc, char **argv, struct plan *plan)
{
    static const struct option long_options[] = {{"seed", required_argument, NULL, 's'},
                                                 {"seeds", required_argument, NULL, 'n'},
                                                 {"from", required_argument, NULL, 'f'},
                                                 {"jobs", required_argument, NULL, 'j'},
                                                 {"same", required_argument, NULL, '2'},
                                                 {"brokers", required_argument, NULL, 'r'},
                                                 {"agents", required_argument, NULL, 'a'},
                                                 {"programs", required_argument, NULL, 'p'},
                                                 {"no-faults", no_argument, NULL, 'q'},
                                                 {"bare", no_argument, NULL, 'b'},
                                                 {"sdk", no_argument, NULL, 'l'},
                                                 {"trace", no_argument, NULL, 't'},
                                                 {"keep-going", no_argument, NULL, 'k'},
                                                 {"selftest", no_argument, NULL, 'x'},
                                                 {NULL, 0, NULL, 0}};
    enum mode mode = MODE_NONE;
    for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (c) {
        case 's':
            mode = MODE_SINGLE;
            plan->options.seed = number(optarg);
            break;
        case 'n':
        case '2':
            mode = c == 'n' ? MODE_MANY : MODE_TWICE;
            plan->n_seeds = number(optarg);
            break;
        case 'f':
            plan->from = number(optarg);
            break;
        case 'j':
            plan->jobs = (long)number(optarg);
            break;
        case 'r':
            plan->options.n_brokers = (int)number(optarg);
            break;
        case 'a':
            plan->options.n_agents = (int)number(optarg);
            break;
        case 'p':
            plan->options.n_programs = (int)number(optarg);
            break;
        case 'q':
            plan->options.no_faults = true;
            break;
        case 'b':
            plan->options.kind = &client_bare;
            break;
        case 'l':
            plan->options.kind = &client_sdk;
            break;
        case 't':
            plan->options.trace = stdout;
            break;
        case 'k':
            plan->goes_on = true;
            break;
        case 'x':
            mode = MODE_SELFTEST;
            break;
        default:
            return MODE_NONE;
        }
    }
    bool fits = plan->options.n_brokers <= WORLD_BROKERS && plan->options.n_agents <= WORLD_AGENTS &&
                plan->options.n_programs <= WORLD_PROGRAMS && plan->jobs > 0 && plan->jobs <= JOBS_MOST;
    return fits ? mode : MODE_NONE;
}

int main(int argc, char **argv)
{
    struct plan plan = {.from = 1, .jobs = sysconf(_SC_NPROCESSORS_ONLN)};
    switch (read_options(argc, argv, &plan)) {
    case MODE_SINGLE:
        return run_single(&plan);
    case MODE_MANY:
        return run_many(&plan);
    case MODE_TWICE:
        return run_twice(&plan);
    case MODE_SELFTEST:
        return selftest_run();
    default:
        fputs(usage, stderr);
        return 2;
    }
}
