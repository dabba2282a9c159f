/* suspect_files.h: attached programs, and file names that don't fit their type: Plugin::AntiVirus of SpamAssassin. What it says is no more
 * than a hint; viruses are for the virus scanner. Thread-safe on different messages. */
#pragma once
#include "lib/spam/view/tree.h"

struct suspect_files {
    gboolean executable; /* check_microsoft_executable: by name, or as a program begins in base64 or uuencode */
    gboolean name;       /* check_suspect_name */
};

struct suspect_files suspect_files_find(const struct spam_tree *tree);
