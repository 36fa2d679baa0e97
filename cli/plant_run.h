/* plant_run.h - plant_run.sh as a text in the program; CMake makes it. */
#ifndef CLI_PLANT_RUN_H
#define CLI_PLANT_RUN_H

/* "@BIN@" in it stands for the folder of the programs. */
extern const char plant_run_script[];
#endif
