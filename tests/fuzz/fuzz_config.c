/* fuzz_config.c - whimbrel.yaml, config.yaml in the modules form, .env: what a person or another program wrote. The
   first byte of the input chooses which. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/parts.h"

static int dir_fd = -1;

static void write_file(const char *name, const void *text, size_t len)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len)
        abort();
    close(fd);
}

static const char *no_value(void *user, const char *name)
{
    (void)user;
    return strcmp(name, "HOME") == 0 ? "/root" : NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    static char path[] = "/tmp/whimbrel-fuzz-XXXXXX";
    if (!mkdtemp(path))
        abort();
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "whimbrel.yaml", "config.yaml", ".env" };
    static const char uses_env[] = "url: ${A}\nprofile: ${B:-x}\n";
    static const wbl_options options = { .size = sizeof options,
                                         .lock_timeout_ms = -1,
                                         .connect_timeout_ms = -1,
                                         .ddl_lock_timeout_ms = -1,
                                         .ddl_lock_tries = -1,
                                         .statement_timeout_ms = -1,
                                         .group_max = -1 };
    if (size == 0)
        return 0;
    unsigned which = data[0] % 3;
    for (unsigned i = 0; i < 3; i++)
        if (i != which)
            unlinkat(dir_fd, names[i], 0);
    write_file(names[which], data + 1, size - 1);
    if (which == 2)
        write_file(names[0], uses_env, sizeof uses_env - 1);

    WB_AUTOARENA wb_arena mem = { 0 };
    wbl_error err = { 0 };
    wb_config config = { 0 };
    wb_config_request request = { .options = &options, .getenv = no_value, .base_fd = dir_fd };
    int rc = wb_config_load(&(wb_ctx){ .err = &err }, &mem, &request, &config);
    if (rc > 0 || (rc < 0) != (err.message[0] != 0) || !wb_utf8_valid(err.message, strlen(err.message), NULL))
        abort();
    for (size_t i = 0; rc == 0 && i < config.setting_count; i++)
        if (!config.settings[i].key || !config.settings[i].value || !config.settings[i].origin)
            abort();
    return 0;
}
