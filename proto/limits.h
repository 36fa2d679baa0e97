/* limits.h - every limit of the protocol with its default, in one place, so that no module keeps a number of its own.
 *
 * Those a configuration can change are the defaults; those marked [wire] are what any implementation must hold to. */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

enum {
    /* Topics and filters */
    TOPIC_MAX_BYTES = 512,         /* [wire] without a terminating zero; filters too */
    TOPIC_MAX_LEVELS = 32,         /* [wire] "a/b" has 2; the levels of a filter count the same way */
    FILTERS_PER_APP = 256,         /* subscriptions and served filters together */
    FILTERS_PER_AGENT = 4096,      /* after merging what its apps ask for */
    FILTERS_PER_BROKER = 1000000,  /* all sessions and peers together */
    APPS_PER_AGENT = 128,          /* local sessions at a time */
    UNIT_MAX_BYTES = 32,           /* [wire] without a terminating zero */
    NAME_ID_MAX = 4 * 1024 * 1024, /* [wire] of topics and publishers: they are kept in arrays */

    /* What one machine may take of its broker's tables, and one app of its agent's: names are kept while the process lives */
    TOPICS_PER_PEER = 100000,
    PUBLISHERS_PER_PEER = 4096, /* apps and devices of one machine */
    TAGS_PER_PEER = 50000,
    SLOTS_PER_PEER = 25000,
    SLOT_BYTES_PER_PEER = 64 * 1024 * 1024,
    SLOT_BYTES_PER_SITE = 512 * 1024 * 1024,

    /* Values and transfers */
    VALUE_MAX_BYTES = 64 * 1024,           /* [wire] inline; larger goes as a transfer on the bulk lane */
    TRANSFER_CHUNK_BYTES = 3584,           /* [wire] all but the last: two are within BELOW_LIVE_MIN_BYTES */
    TRANSFER_MAX_BYTES = 16 * 1024 * 1024, /* [wire] one value, all or nothing, never kept */
    TRANSFERS_PER_SESSION = 1024,          /* [wire] begun and not complete, in one direction */
    TRANSFERS_PER_PUBLISHER = 16,          /* [wire] of those */
    TRANSFERS_PER_APP = 64,                /* on their way to one receiver, of one app of its machine */
    TRANSFERS_PER_PEER = 256,              /* and of one machine */
    TRANSFER_STALL_MS = 5000,              /* a receiver that takes nothing for this long is given up, */
    TRANSFER_LEAST_BYTES_S = 4096,         /* and one that takes less than this while chunks wait for it */

    /* Batches and frames */
    BATCH_MAX_RECORDS = 4096,    /* [wire] */
    BATCH_MAX_BYTES = 32 * 1024, /* [wire] aimed at; a batch of one large value may reach AGENT_FRAME_MAX_BYTES */
    AGENT_FRAME_MAX_BYTES = 128 * 1024, /* [wire] between app, agent and broker */
    AGENT_MAXMSGSIZE_BYTES =
        192 * 1024, /* ZMQ_MAXMSGSIZE: above the frame limit, so that a frame too long is refused in words */
    MESH_FRAME_MAX_BYTES = 1024 * 1024,  /* [wire] between brokers */
    MESH_MAXMSGSIZE_BYTES = 1536 * 1024, /* ZMQ_MAXMSGSIZE there, above the frame limit likewise */

    /* Queues */
    SUBSCRIPTION_RING_BYTES = 4 * 1024 * 1024, /* per subscription, in the SDK */
    SESSION_OUTBOUND_BYTES = 8 * 1024 * 1024,  /* per session, in agent and broker */

    /* Credits: bytes in flight per lane */
    CREDIT_START_BYTES = 32 * 1024,     /* window of a new session */
    CREDIT_MAX_BYTES = 1024 * 1024,     /* a window grows by use up to this */
    CREDIT_BULK_MAX_BYTES = 256 * 1024, /* the one of the bulk lane: what an agent or broker holds back of a session */
    CREDIT_POOL_BYTES = 512 * 1024 * 1024, /* what all windows of one broker grow by together */
    CREDIT_FRAME_MIN_BYTES = 1024,         /* [wire] a shorter frame costs this much */
    CREDIT_FREE_FRAMES = 64,               /* above what is ever in flight of those without a cost: pings, credits */
    BELOW_LIVE_MIN_BYTES = 8 * 1024,       /* in flight on stream and bulk, however slow the link */
    BELOW_LIVE_SLACK_MS = 5,               /* added to the least round trip when that bound is computed */

    /* Gathering at the first hop */
    GATHER_IDLE_US = 200, /* arrivals further apart than this are sent at once */
    GATHER_MAX_US = 200,  /* else for at most this long, or BATCH_MAX_BYTES */

    /* Last values */
    SLOTS_PER_TOPIC = 4, /* publishing identities; a fifth is refused with a CONFLICT event */
    SLOTS_PER_SITE = 100000,
    TOMBSTONE_DAYS = 7,       /* what CLEAR leaves behind is kept this long */
    TABLE_MERGE_MAX_DAYS = 6, /* an older saved table is not merged: below TOMBSTONE_DAYS on purpose */
    TABLE_SAVE_MS = 10000,    /* brokers save the table this often */

    /* Streams */
    PRODUCERS_PER_STREAM = 100000,
    DELIVERIES_PER_CONSUMER = 4096, /* handed out and not acked */
    DEAD_LETTERS_PER_CONSUMER = 10000,
    CONSUMER_GROUPS_PER_BROKER = 64,
    CONSUMER_MAX_FILTERS = 16,
    STREAM_UNACKED_BYTES = 1024 * 1024, /* per (agent, stream) */
    BACKFILL_AFTER_MS = 5000,           /* sent later than this after it was accepted: BACKFILL */

    /* Sessions */
    PING_INTERVAL_MS = 1000,
    PEER_DEAD_MS = 3000,       /* nothing heard for this long ends the session */
    PRESENCE_LOST_MS = 4000,   /* a broker's own view of agents behind a broker it lost */
    SUBSCRIBED_WAIT_MS = 1000, /* for the acks of peer brokers, then SUBSCRIBED is partial */
    LOSS_ANNOUNCE_MS = 2000,   /* what was lost is announced at the latest after this */
    UNAUTHENTICATED_MAX = 256, /* connections of a broker before their handshake is done */
    SESSIONS_PER_BROKER = 10000,
    SESSIONS_PER_MACHINE = 2,
    SESSIONS_PER_PERSON = 16,
    BROKERS_MAX = 9,

    /* Requests and commands */
    COMMAND_TTL_MIN_MS = 500,
    COMMAND_TTL_DEFAULT_MS = 5000,
    COMMAND_TTL_MAX_MS = 60000,
    COMMAND_WAIT_EXTRA_MS = 5000,    /* a requester waits ttl + this unless told otherwise */
    REQUEST_WAIT_DEFAULT_MS = 5000,  /* where a request does not say */
    REQUEST_WAIT_MAX_MS = 120000,    /* also the longest wait for a command's outcome */
    REQUESTS_OPEN_MAX = 65536,       /* of all, at one agent or broker */
    REQUESTS_OPEN_PER_PEER = 1024,   /* asked by one peer, and as many handed to one */
    COMMAND_TOKEN_INTERVAL_MS = 250, /* a leased target gets a new freshness token this often */
    COMMAND_LEASE_MS = 60000
};

#endif
