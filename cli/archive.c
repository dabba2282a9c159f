/* archive.c: the table of `postern archive`. */
#include "cli/archive.h"

const struct cli_command cli_archive_commands[] = {
    {"search", "find messages by words and fields", archive_search, NULL},
    {"show", "show one message, its envelope and its deliveries", archive_show, NULL},
    {"export", "write messages as eml files or mbox", archive_export, NULL},
    {"verify", "read everything again and report damage", archive_verify, NULL},
    {"status", "show what the archive holds and how far index and SQL are", archive_status, NULL},
    {"reconcile", "find messages of Postfix's log that the archive lacks", archive_reconcile, NULL},
    {"ingest", "put message files into the archive", archive_ingest, NULL},
    {NULL, NULL, NULL, NULL}};
