/* first_app.c - a tag, written once a second: the smallest whole program. */
#include <millrace/millrace.h>
#include <stdio.h>

/* Stands for the sensor of your machine: here, oil that warms up by a tenth of a degree each time. */
static double read_oil_temp(void)
{
    static int reads;
    return 40.0 + 0.1 * (reads++ % 100);
}

int main(void)
{
    struct mr_bus *bus;
    struct mr_tag *temp;
    struct mr_tag_def def = {.size = sizeof def, .topic = "./oil/temp", .unit = "°C", .type = MR_F64, .stale_ms = 5000};
    if (mr_open(&bus, NULL) || mr_tag_open(bus, NULL, &def, &temp))
        return 1;
    for (;;) {
        struct mr_value v = mr_f64(read_oil_temp());
        if (mr_tag_write(temp, &v, 0, MR_NO_TIME))
            fprintf(stderr, "%s\n", mr_reason(bus));
        if (mr_run(bus, 1000) >= MR_CLOSED)
            return 1;
    }
}
