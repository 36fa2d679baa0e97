/* replay.h - a recorded machine as a source of records: what `millrace replay` reads, whatever the file's format. */
#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H
#include <millrace/millrace.h>

#include "base/err.h"
#include "base/map.h"
#include "cli/replay_lines.h"

enum { REPLAY_TAGS_MAX = 65536, REPLAY_DESCRIPTION_MAX = 256 /* bytes, as mr_tag_def says */ };

/* A tag of the recording, as it will be declared. Texts are owned by the table. */
struct replay_tag {
    char *topic;       /* below --to; a valid topic by itself */
    char *unit;        /* "": none */
    char *description; /* "": none */
    uint32_t type;     /* enum mr_type */
};

/* Grows at its end only: a tag's number never changes. */
struct replay_tags {
    struct replay_tag *all;
    size_t n, cap;
    struct map by_topic;
};

enum replay_kind {
    REPLAY_VALUE,  /* a value with its quality */
    REPLAY_STATUS, /* the source has none: the quality only */
    REPLAY_CLEAR,  /* what the tag stood for is gone: its last value is removed */
};

struct replay_record {
    uint32_t tag; /* number in the source's tags */
    enum replay_kind kind;
    struct mr_value value; /* of REPLAY_VALUE, of the tag's type; bytes borrowed until the next record */
    uint32_t status;       /* OPC UA StatusCode */
    int64_t source_us;     /* or MR_NO_TIME */
    bool is_paced;         /* false: its time says when it was made, not when it was recorded; nothing waits for it */
};

/* What was read so far. */
struct replay_tally {
    uint64_t values, statuses, clears; /* records given out, by kind */
    uint64_t wrong;                    /* lines or fields that could not be understood: told on stderr, then left out */
    uint64_t empty;                    /* fields without a value where the type has no empty one */
    uint64_t ignored;                  /* lines that are no data by the format: comments, commands */
};

struct replay_source;

/* A format. next and free are called with the source that the format's own open function made. */
struct replay_format {
    /* The next record, in the order of the file. Tags it names are in the table by then. MR_NOT_FOUND: the end.
     * MR_UNKNOWN: the file cannot be read further; MR_NO_MEMORY. Both end it, *err says why. Reads the file: may block. */
    enum mr_rc (*next)(struct replay_source *source, struct replay_record *ret, struct err *err);
    void (*free)(struct replay_source *source);
};

/* The part that every source begins with. */
struct replay_source {
    const struct replay_format *format;
    struct lines *lines; /* owned */
    struct replay_tags tags;
    struct replay_tally tally;
};

/* A CSV file, its columns mapped by the YAML file `map` (cli/replay_map.h). Reads the header.
 * MR_NOT_FOUND, MR_DENIED: a file; MR_INVALID: the mapping, or the header does not fit it; MR_NO_MEMORY. */
MUST enum mr_rc replay_csv_open(const char *path, const char *map, struct replay_source **ret, struct err *err);

/* An MTConnect SHDR file, its data items described by the device model `units`. device NULL: the first of the model.
 * Results as replay_csv_open(); MR_NOT_FOUND also when the model has no such device. */
MUST enum mr_rc replay_shdr_open(const char *path, const char *units, const char *device, struct replay_source **ret,
                                 struct err *err);

/* The next record; counts it. Results as the format's. */
MUST enum mr_rc replay_next(struct replay_source *source, struct replay_record *ret, struct err *err);

/* NULL is fine. */
void replay_free(struct replay_source *source);

/* For formats. The common part of a new source; lines becomes the source's, also when it fails later. */
void replay_source_init(struct replay_source *source, const struct replay_format *format, struct lines *lines);
void replay_source_fini(struct replay_source *source);

/* For formats: counts something wrong in the current line, and tells it on stderr as "FILE:LINE: <words>", the first
 * twenty times. */
void replay_wrong(struct replay_source *source, const char *format, ...) FORMAT_CHECKED(2, 3);

/* For formats: adds a tag; texts are copied, NULL is "". MR_INVALID: a tag of this topic is there, or the topic is none,
 * or the unit is no text of at most 32 bytes, or the description longer than REPLAY_DESCRIPTION_MAX; MR_TOO_BIG: REPLAY_TAGS_MAX; MR_NO_MEMORY. */
MUST enum mr_rc replay_add_tag(struct replay_source *source, const struct replay_tag *tag, uint32_t *ret_number,
                               struct err *err);

/* For formats: makes a name that a topic's level can have: what the grammar refuses in one ('/', '+', '#', control
 * characters, bytes that are not UTF-8) becomes '_'; "" becomes "_". What does not fit is cut. */
void replay_topic_level(const char *name, char *out, size_t size);
#endif
