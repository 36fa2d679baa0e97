/* Saved tables: any bytes are refused with words or read within their bounds; what is read is written again as the same. */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "bus/table.h"
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Of a table that is one. */
static void write_again(const uint8_t *data, size_t len, struct buf *out)
{
    struct table_reader r;
    struct table_writer w;
    struct table_head head;
    struct table_item item;
    struct err err;
    enum mr_rc rc = table_read_head(&r, data, len, &head, &err);
    if (rc || table_write_head(&w, &head, out))
        abort();
    while ((rc = table_read_item(&r, &item, &err)) == MR_OK) {
        item.slot.topic = w.topic + 1; /* as if all were different: names are told each time */
        item.slot.publisher = w.publisher + 1;
        if (table_write_item(&w, &item, out))
            abort();
    }
    if (rc != MR_NOT_FOUND || table_write_end(&w, out))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct table_head head;
    struct err err = {{0}};
    struct buf once, twice;
    size_t before = mem_outstanding();
    if (len > 4096)
        return 0;
    if (table_check(data, len, &head, &err) != MR_OK) {
        if (!*err.text)
            abort();
        return 0;
    }
    buf_init(&once, ROOM);
    buf_init(&twice, ROOM);
    write_again(data, len, &once);
    write_again(once.data, once.len, &twice);
    if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
        abort();
    buf_fini(&once);
    buf_fini(&twice);
    if (mem_outstanding() != before)
        abort();
    return 0;
}
