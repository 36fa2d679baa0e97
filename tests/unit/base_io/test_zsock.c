/* test_zsock.c - the ZeroMQ context and the grammar of addresses. */
#include "base/err.h"
#include "base/io/keys.h"
#include "base/io/zsock.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <limits.h>
#include <string.h>

static void addresses_are_read(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        bool is_ipv6, is_number;
    } cases[] = {
        {"mr1.plant.example", "mr1.plant.example", 7420, false, false},
        {"mr1:1", "mr1", 1, false, false},
        {"tcp://mr1:65535", "mr1", 65535, false, false},
        {"10.0.0.1", "10.0.0.1", 7420, false, true},
        {"10.0.0.1:0", "10.0.0.1", 0, false, true},
        {"[::1]:7421", "::1", 7421, true, true},
        {"[fe80::1]", "fe80::1", 7420, true, true},
        {"line3_broker-a.example:7420", "line3_broker-a.example", 7420, false, false},
        {"3com.example", "3com.example", 7420, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zsock_address address;
        assert_int_equal(zsock_address_parse(cases[i].text, 7420, &address, NULL), MR_OK);
        assert_string_equal(address.host, cases[i].host);
        assert_int_equal(address.port, cases[i].port);
        assert_int_equal(address.is_ipv6, cases[i].is_ipv6);
        assert_int_equal(address.is_number, cases[i].is_number);
    }
}

static void what_is_no_address_is_refused_with_the_rule(void **state)
{
    static const struct {
        const char *text, *rule;
    } cases[] = {
        {"", "the host is missing"},
        {":7420", "the host is missing"},
        {"tcp://", "the host is missing"},
        {"ipc:///tmp/x", "only tcp:// is spoken here"},
        {"inproc://zeromq.zap.01", "only tcp:// is spoken here"},
        {"pgm://eth0;239.0.0.1:7", "only tcp:// is spoken here"},
        {"tcp://tcp://a:1", "only tcp:// is spoken here"},
        {"mr1:", "behind ':' goes a port"},
        {"mr1:65536", "behind ':' goes a port"},
        {"mr1:000080", "behind ':' goes a port"},
        {"mr1:7x", "behind ':' goes a port"},
        {"mr1:-1", "behind ':' goes a port"},
        {"mr1:1:2", "behind ':' goes a port"},
        {"mr1:*", "behind ':' goes a port"},
        {"10.0.0:1", "four numbers"},
        {"10.0.0.256:1", "four numbers"},
        {"1.2.3.4.5:1", "four numbers"},
        {"[::1", "[::1]:7420"},
        {"[::1]7420", "[::1]:7420"},
        {"[10.0.0.1]:1", "not IPv6"},
        {"[]:1", "the host is missing"},
        {"-a:1", "a host name has"},
        {"a-:1", "a host name has"},
        {"a-.b:1", "a host name has"},
        {"a..b:1", "a host name has"},
        {".a:1", "a host name has"},
        {"a.:1", "a host name has"},
        {"a b:1", "a host name has"},
        {"eth0;mr1:1", "a host name has"},
        {"mr1/x:1", "a host name has"},
        {"*:1", "a host name has"},
        {"m\xc3\xbchle:1", "a host name has"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zsock_address address;
        struct err err = {{0}};
        assert_int_equal(zsock_address_parse(cases[i].text, 7420, &address, &err), MR_INVALID);
        if (!strstr(err.text, cases[i].rule))
            fail_msg("'%s': '%s' does not say '%s'", cases[i].text, err.text, cases[i].rule);
    }
}

static void the_lengths_of_hosts_and_labels_are_bounded(void **state)
{
    char text[300];
    struct zsock_address address;
    (void)state;
    memset(text, 'a', sizeof text);
    text[63] = '\0';
    assert_int_equal(zsock_address_parse(text, 1, &address, NULL), MR_OK);
    text[63] = 'a';
    text[64] = '\0';
    assert_int_equal(zsock_address_parse(text, 1, &address, NULL), MR_INVALID);
    memset(text, 'a', sizeof text);
    for (size_t i = 50; i < sizeof text; i += 51)
        text[i] = '.';
    text[ZSOCK_HOST_MAX] = '\0';
    text[ZSOCK_HOST_MAX - 1] = 'a';
    assert_int_equal(zsock_address_parse(text, 1, &address, NULL), MR_OK);
    text[ZSOCK_HOST_MAX] = 'a';
    text[ZSOCK_HOST_MAX + 1] = '\0';
    assert_int_equal(zsock_address_parse(text, 1, &address, NULL), MR_INVALID);
}

static void a_port_is_required_where_there_is_no_default(void **state)
{
    struct zsock_address address;
    struct err err = {{0}};
    (void)state;
    assert_int_equal(zsock_address_parse("mr1", 0, &address, &err), MR_INVALID);
    assert_string_equal(err.text, "'mr1' is not an address: the port is missing");
    assert_int_equal(zsock_address_parse("mr1:7", 0, &address, NULL), MR_OK);
}

static void a_context_floats_or_is_pinned_to_a_cpu_there_is(void **state)
{
    struct zctx *ctx = NULL;
    struct err err = {{0}};
    (void)state;
    assert_int_equal(keys_init(), MR_OK);
    assert_int_equal(zctx_new(100000, &ctx, &err), MR_INVALID);
    assert_string_equal(err.text, "CPU 100000 is not one this process may run on");
    assert_null(ctx);
    assert_int_equal(zctx_new(-1, &ctx, NULL), MR_OK);
    zctx_free(ctx);
    assert_int_equal(zctx_new(0, &ctx, NULL), MR_OK);
    zctx_free(ctx);
    zctx_free(NULL);
    ctx = NULL;
    mem_fail_at(1);
    assert_int_equal(zctx_new(-1, &ctx, NULL), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_null(ctx);
}

static void a_context_takes_as_many_sockets_as_it_is_told(void **state)
{
    struct zctx *ctx = NULL;
    (void)state;
    assert_int_equal(keys_init(), MR_OK);
    assert_int_equal(zctx_new(-1, &ctx, NULL), MR_OK);
    assert_int_equal(zctx_set_max_sockets(ctx, 0), MR_INVALID);
    assert_int_equal(zctx_set_max_sockets(ctx, UINT_MAX), MR_INVALID);
    assert_int_equal(zctx_set_max_sockets(ctx, 30000), MR_OK);
    zctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(what_is_no_address_is_refused_with_the_rule),
        cmocka_unit_test(the_lengths_of_hosts_and_labels_are_bounded),
        cmocka_unit_test(a_port_is_required_where_there_is_no_default),
        cmocka_unit_test(a_context_floats_or_is_pinned_to_a_cpu_there_is),
        cmocka_unit_test(a_context_takes_as_many_sockets_as_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
