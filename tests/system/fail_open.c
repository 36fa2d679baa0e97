/* fail_open.c - preloaded into the broker by a test: a libzmq that does not enforce authentication. FAIL_OPEN=set: it forgets
 * ZAP domain and enforcement. FAIL_OPEN=lie: it also claims to have them, and binds no ZAP handler: it admits any key. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { ZAP_DOMAIN = 55, ZAP_ENFORCE_DOMAIN = 93 }; /* option numbers of zmq.h; 93 is hidden there */

int zmq_setsockopt(void *socket, int option, const void *value, size_t len);
int zmq_getsockopt(void *socket, int option, void *value, size_t *len);
int zmq_bind(void *socket, const char *address);

/* Data and function pointers are the same thing to dlsym(). */
static void next(const char *name, void *ret_function)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(ret_function, &found, sizeof found);
}

static int is_lying(void)
{
    const char *mode = getenv("FAIL_OPEN");
    return mode && strcmp(mode, "lie") == 0;
}

static int is_concerned(int option)
{
    return option == ZAP_DOMAIN || option == ZAP_ENFORCE_DOMAIN;
}

__attribute__((visibility("default"))) int zmq_setsockopt(void *socket, int option, const void *value, size_t len)
{
    int (*real)(void *, int, const void *, size_t);
    next("zmq_setsockopt", &real);
    return is_concerned(option) ? 0 : real(socket, option, value, len);
}

__attribute__((visibility("default"))) int zmq_getsockopt(void *socket, int option, void *value, size_t *len)
{
    static const int one = 1;
    static const char domain[] = "agents";
    int (*real)(void *, int, void *, size_t *);
    next("zmq_getsockopt", &real);
    if (!is_lying() || !is_concerned(option))
        return real(socket, option, value, len);
    *len = option == ZAP_DOMAIN ? sizeof domain : sizeof one;
    memcpy(value, option == ZAP_DOMAIN ? (const void *)domain : &one, *len);
    return 0;
}

__attribute__((visibility("default"))) int zmq_bind(void *socket, const char *address)
{
    int (*real)(void *, const char *);
    next("zmq_bind", &real);
    return is_lying() && strcmp(address, "inproc://zeromq.zap.01") == 0 ? 0 : real(socket, address);
}
