/* cli.h - the program, as a call. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Runs one command line; argv is reordered. Returns enum exit_code. */
int cli_main(int argc, char **argv);
#endif
