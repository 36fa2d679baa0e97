/* rc.c - the list of rc.h as text and class. */
#include "base/rc.h"

const char *rc_text(enum mr_rc rc)
{
    switch (rc) {
#define X(code, text, class)                                                                                           \
    case code:                                                                                                         \
        return text;
        RC_LIST(X)
#undef X
    }
    return "unlisted result code";
}

enum rc_class rc_class_of(enum mr_rc rc)
{
    switch (rc) {
#define X(code, text, class)                                                                                           \
    case code:                                                                                                         \
        return class;
        RC_LIST(X)
#undef X
    }
    return RC_UNSURE;
}
