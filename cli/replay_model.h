/* replay_model.h - MTConnect's device model (MTConnectDevices XML): which data items there are, of which type and unit.
 * Read with expat, which fetches nothing and bounds what entities may grow to. */
#ifndef CLI_REPLAY_MODEL_H
#define CLI_REPLAY_MODEL_H
#include "base/err.h"

enum {
    MODEL_FILE_MAX = 16 * 1024 * 1024, /* bytes */
    MODEL_ITEMS_MAX = 65536,
    MODEL_DEVICES_MAX = 1024,
};

enum model_category { MODEL_SAMPLE, MODEL_EVENT, MODEL_CONDITION };

/* A DataItem. Texts are borrowed until model_free(); "" where it has none. */
struct model_item {
    uint32_t device; /* number of its device */
    enum model_category category;
    char *id, *name, *source; /* each names it in the adapter's lines */
    char *type, *sub_type, *representation;
    char *units, *native_units;
};

struct model;

/* MR_NOT_FOUND, MR_DENIED: the file; MR_TOO_BIG; MR_INVALID: no such XML, *err says line and reason; MR_NO_MEMORY. */
MUST enum mr_rc model_load(const char *path, struct model **ret, struct err *err);

/* The same from len bytes; name stands for the file in errors. */
MUST enum mr_rc model_parse(const char *name, const char *text, size_t len, struct model **ret, struct err *err);
void model_free(struct model *model); /* NULL is fine */

size_t model_count(const struct model *model);

/* A device by its name, id or uuid; name NULL: the first. MR_NOT_FOUND, *err names those there are. */
MUST enum mr_rc model_find(const struct model *model, const char *name, uint32_t *ret, struct err *err);

/* The name of a device, or its id where it has none. Borrowed until model_free(). */
const char *model_name(const struct model *model, uint32_t device);

/* The item that a key of the adapter means in a device: by name, else id, else source, as the MTConnect reference agent
 * looks. NULL: none. */
const struct model_item *model_item(const struct model *model, uint32_t device, const char *key);
#endif
