/* settings.c - see settings.h. */
#include "sdk/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static const size_t default_max_bytes = (size_t)32 * 1024 * 1024;

static bool is_app_name(const char *name)
{
    size_t len = strlen(name);
    if (len < 1 || len > APP_NAME_MAX || *name == '$' || strpbrk(name, "/+#"))
        return false;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return true;
}

/* The program's file name, as far as it makes a name. */
static void default_app(char ret[APP_NAME_MAX + 1])
{
    char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    const char *slash = strrchr(path, '/');
    snprintf(ret, APP_NAME_MAX + 1, "%.*s", APP_NAME_MAX, slash ? slash + 1 : path);
    for (char *c = ret; *c; c++)
        if (strchr("+#$", *c) || (unsigned char)*c < ' ')
            *c = '_';
    if (!*ret)
        snprintf(ret, APP_NAME_MAX + 1, "app");
}

static enum mr_rc set_socket(struct settings *s, const char *path, struct err *err)
{
    if (strlen(path) < sizeof s->socket) {
        snprintf(s->socket, sizeof s->socket, "%s", path);
        return MR_OK;
    }
    err_set(err, "the socket path is longer than %zu bytes", sizeof s->socket - 1);
    return MR_INVALID;
}

/* Without a word from anybody: the agent of this user, if there is one, else that of the machine. */
static enum mr_rc find_socket(struct settings *s, const char *given, struct err *err)
{
    const char *from_environment = getenv("MILLRACE_SOCKET");
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    if (given && *given)
        return set_socket(s, given, err);
    if (from_environment && *from_environment)
        return set_socket(s, from_environment, err);
    if (runtime_dir && *runtime_dir) {
        int n = snprintf(s->socket, sizeof s->socket, "%s/millrace/agent.sock", runtime_dir);
        if (n > 0 && (size_t)n < sizeof s->socket && access(s->socket, F_OK) == 0)
            return MR_OK;
    }
    return set_socket(s, "/run/millrace/agent.sock", err);
}

static enum mr_rc invalid(struct err *err, const char *what)
{
    err_set(err, "%s", what);
    return MR_INVALID;
}

static enum mr_rc check(const struct mr_options *opt, struct err *err)
{
    if (opt->size != sizeof *opt)
        return invalid(err, "mr_options.size is not sizeof(struct mr_options)");
    if (opt->app && *opt->app && !is_app_name(opt->app))
        return invalid(err, "mr_options.app must be 1 to 64 bytes without '/', '+', '#', control characters or a "
                            "leading '$'");
    if (opt->max_bytes && opt->max_bytes < MAX_BYTES_LEAST)
        return invalid(err, "mr_options.max_bytes must be at least 1048576");
    if (opt->rt_poll_us && (opt->rt_poll_us < RT_POLL_LEAST_US || opt->rt_poll_us > RT_POLL_MOST_US))
        return invalid(err, "mr_options.rt_poll_us must be 0 or 50 to 1000000");
    return MR_OK;
}

/* The allocator is the library's, not the handle's: a block must go back to where it came from. */
static enum mr_rc set_allocator(void *(*resize)(void *, size_t), struct err *err)
{
    if (!resize)
        return MR_OK;
    if (mem_outstanding() != 0 && !mem_has_resize(resize))
        return invalid(err, "mr_options.resize differs from the allocator of a handle that is open in this process");
    mem_set_resize(resize);
    return MR_OK;
}

enum mr_rc settings_read(struct settings *ret, const struct mr_options *opt, struct err *err)
{
    static const struct mr_options none = {.size = sizeof none};
    const struct mr_options *o = opt ? opt : &none;
    enum mr_rc rc = check(o, err);
    if (!rc)
        rc = find_socket(ret, o->socket, err);
    if (!rc)
        rc = set_allocator(o->resize, err);
    if (rc)
        return rc;
    if (o->app && *o->app)
        snprintf(ret->app, sizeof ret->app, "%s", o->app);
    else
        default_app(ret->app);
    ret->max_bytes = o->max_bytes ? o->max_bytes : default_max_bytes;
    ret->rt_poll_us = o->rt_poll_us;
    return MR_OK;
}
