/* The public header alone, as C++: from the oldest standard that has <stdint.h> to a new one. */
#include <millrace/millrace.h>

int main(void)
{
    struct mr_value value = mr_f64(1.0);

    return value.type == MR_F64 ? 0 : 1;
}
