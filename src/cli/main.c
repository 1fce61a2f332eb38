/*
 * main.c - the program whimbrel.
 *
 * `whimbrel --version` is what scripts and health checks call most often: it prints and does nothing else, no locale,
 * no environment, no terminal. Everything else is run.c.
 */
#include "cli/cli.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
        return puts("whimbrel " WBL_VERSION) < 0 || fflush(stdout) != 0;
    return cli_main(argc, argv);
}
