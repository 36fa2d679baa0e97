/* header_layout.h - the binary layout of the public structs, pinned: a program built today must run with tomorrow's library.
 *
 * Three columns: LP64, i386 (64-bit members aligned to 4), other ILP32 such as armhf (aligned to 8). Only sizes of structs
 * may ever change, by growing; no offset may. Compiled for all of these by tests/lint/header_compiles.sh. */
#ifndef HEADER_LAYOUT_H
#define HEADER_LAYOUT_H

#include <stddef.h>

#include <millrace/millrace.h>

#if UINTPTR_MAX == UINT64_MAX
#define LAYOUT(lp64, i386, ilp32) (lp64)
#elif defined(__i386__)
#define LAYOUT(lp64, i386, ilp32) (i386)
#else
#define LAYOUT(lp64, i386, ilp32) (ilp32)
#endif
#define SIZE(type, ...) _Static_assert(sizeof(struct type) == LAYOUT(__VA_ARGS__), "sizeof " #type " has changed")
#define AT(type, field, ...)                                                                                           \
    _Static_assert(offsetof(struct type, field) == LAYOUT(__VA_ARGS__), #type "." #field " has moved")

_Static_assert(sizeof(enum mr_kind) == sizeof(int), "enums are ints: they stand in structs");
_Static_assert(sizeof(bool) == 1, "bools stand in structs");

SIZE(mr_value, 24, 24, 24);
AT(mr_value, type, 0, 0, 0);
AT(mr_value, len, 4, 4, 4);
AT(mr_value, rate_hz, 8, 8, 8);
AT(mr_value, as, 16, 16, 16);

SIZE(mr_options, 48, 24, 24);
AT(mr_options, size, 0, 0, 0);
AT(mr_options, app, 8, 4, 4);
AT(mr_options, socket, 16, 8, 8);
AT(mr_options, max_bytes, 24, 12, 12);
AT(mr_options, rt_poll_us, 32, 16, 16);
AT(mr_options, resize, 40, 20, 20);

SIZE(mr_state, 56, 40, 40);
AT(mr_state, size, 0, 0, 0);
AT(mr_state, agent_up, 8, 4, 4);
AT(mr_state, cluster_up, 9, 5, 5);
AT(mr_state, isolated_since_us, 16, 8, 8);
AT(mr_state, spool_bytes, 24, 16, 16);
AT(mr_state, spool_max, 32, 24, 24);
AT(mr_state, path, 40, 32, 32);
AT(mr_state, degraded, 48, 36, 36);

SIZE(mr_stats, 56, 52, 56);
AT(mr_stats, size, 0, 0, 0);
AT(mr_stats, sent, 8, 4, 8);
AT(mr_stats, received, 16, 12, 16);
AT(mr_stats, refused, 24, 20, 24);
AT(mr_stats, lost, 32, 28, 32);
AT(mr_stats, queued_bytes, 40, 36, 40);
AT(mr_stats, queued_max, 48, 44, 48);

SIZE(mr_tag_def, 64, 48, 48);
AT(mr_tag_def, size, 0, 0, 0);
AT(mr_tag_def, topic, 8, 4, 4);
AT(mr_tag_def, unit, 16, 8, 8);
AT(mr_tag_def, description, 24, 12, 12);
AT(mr_tag_def, type, 32, 16, 16);
AT(mr_tag_def, stale_ms, 36, 20, 20);
AT(mr_tag_def, low, 40, 24, 24);
AT(mr_tag_def, high, 48, 32, 32);
AT(mr_tag_def, deadband, 56, 40, 40);

SIZE(mr_pub, 96, 72, 80);
AT(mr_pub, size, 0, 0, 0);
AT(mr_pub, topic, 8, 4, 4);
AT(mr_pub, value, 16, 8, 8);
AT(mr_pub, status, 40, 32, 32);
AT(mr_pub, flags, 44, 36, 36);
AT(mr_pub, expiry_ms, 48, 40, 40);
AT(mr_pub, source_us, 56, 44, 48);
AT(mr_pub, level, 64, 52, 56);
AT(mr_pub, number, 72, 56, 64);
AT(mr_pub, on_ack, 80, 64, 72);
AT(mr_pub, user, 88, 68, 76);

SIZE(mr_msg, 136, 124, 128);
AT(mr_msg, kind, 0, 0, 0);
AT(mr_msg, flags, 4, 4, 4);
AT(mr_msg, status, 8, 8, 8);
AT(mr_msg, attempt, 12, 12, 12);
AT(mr_msg, topic, 16, 16, 16);
AT(mr_msg, publisher, 24, 20, 20);
AT(mr_msg, value, 32, 24, 24);
AT(mr_msg, source_us, 56, 48, 48);
AT(mr_msg, agent_us, 64, 56, 56);
AT(mr_msg, broker_us, 72, 64, 64);
AT(mr_msg, birth, 80, 72, 72);
AT(mr_msg, seq, 88, 80, 80);
AT(mr_msg, offset, 96, 88, 88);
AT(mr_msg, count, 104, 96, 96);
AT(mr_msg, cause, 112, 104, 104);
AT(mr_msg, outcome, 116, 108, 108);
AT(mr_msg, deadline_mono_ns, 120, 112, 112);
AT(mr_msg, text, 128, 120, 120);

SIZE(mr_sub_opt, 40, 20, 20);
AT(mr_sub_opt, size, 0, 0, 0);
AT(mr_sub_opt, policy, 8, 4, 4);
AT(mr_sub_opt, max_bytes, 16, 8, 8);
AT(mr_sub_opt, no_snapshot, 24, 12, 12);
AT(mr_sub_opt, snapshot_only, 25, 13, 13);
AT(mr_sub_opt, with_backfill, 26, 14, 14);
AT(mr_sub_opt, group, 32, 16, 16);

#endif
