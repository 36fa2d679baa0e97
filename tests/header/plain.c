/* The public header alone, as strict C99: it needs nothing included before it and no extension. */
#include <millrace/millrace.h>

int main(void)
{
    struct mr_value value = mr_f64(1.0);

    return value.type == MR_F64 ? 0 : 1;
}
