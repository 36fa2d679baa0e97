/* selftest.h - histories with one thing wrong each: the checker must find it, by its name. */
#ifndef SIM_SELFTEST_H
#define SIM_SELFTEST_H

int selftest_run(void); /* 0: it finds them all */
#endif
