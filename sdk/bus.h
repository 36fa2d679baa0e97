/* bus.h - what the project's own programs may do with a handle beyond the public header: the simulator brings its own
 * transport, clock and randomness. */
#ifndef SDK_BUS_H
#define SDK_BUS_H
#include <millrace/millrace.h>

#include "base/clock.h"
#include "base/rand.h"
#include "sdk/transport.h"

/* As mr_open(); the tables are copied, what their `user` points to must outlive the handle. NULL: the system's own. */
MUST enum mr_rc bus_open_with(struct mr_bus **ret, const struct mr_options *opt, const struct transport *transport,
                              const struct clock *clock, const struct rand_source *rand);

/* When mr_dispatch() has something to do even if nothing comes: ns of the handle's clock, INT64_MAX = not by time. */
int64_t bus_deadline(const struct mr_bus *bus);
#endif
