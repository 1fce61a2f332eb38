/*
 * exit.c - what the exit code says. Scripts depend on it: this table and the manual's are one.
 */
#include "cli/cli.h"

#include <signal.h>
#include <string.h>

const cli_exit_row cli_exit_rows[] = {
    { "0", "done, or nothing to do" },
    { "1", "failed; the message says what was left behind" },
    { "2", "wrong usage, files or configuration, or a confirmation is missing; nothing was touched" },
    { "3", "a check says no: something is pending, edited, missing or different" },
    { "4", "another run holds the lock" },
    { "5", "the state of a migration is unknown; see `whimbrel repair`" },
    { "129, 130, 143", "stopped by SIGHUP, SIGINT, SIGTERM" },
};
const uint32_t cli_exit_row_count = WB_COUNT(cli_exit_rows);

/* A refusal that a flag would lift names the flag; one because another migration depends on it does not. */
bool cli_wants_confirmation(const wbl_error *err)
{
    return err->code == WBL_E_REFUSED && (strstr(err->hint, "--yes") || strstr(err->hint, "--confirm"));
}

int cli_exit_code(int rc, const wbl_error *err, int signal_number)
{
    switch ((wbl_code)rc) {
    case WBL_OK:
    case WBL_NO_CHANGE: return 0;
    case WBL_CHECK_FAILED: return 3;
    case WBL_E_INVALID: return 2;
    case WBL_E_LOCKED: return 4;
    case WBL_E_OUTCOME:
    case WBL_E_STATE: return 5;
    case WBL_E_CANCELLED: return 128 + (signal_number ? signal_number : SIGINT);
    case WBL_E_REFUSED: return cli_wants_confirmation(err) ? 2 : 1;
    case WBL_E_NOMEM:
    case WBL_E_CONNECT:
    case WBL_E_STATEMENT:
    case WBL_E_DRIFT:
    case WBL_E_CONFLICT:
    case WBL_E_TIMEOUT:
    case WBL_E_LOCK_WAIT:
    case WBL_E_UNSUPPORTED:
    case WBL_E_IO:
    case WBL_E_INTERNAL: break;
    }
    return err->effect == WBL_EFFECT_UNKNOWN ? 5 : 1; /* whatever it was that left the doubt */
}
