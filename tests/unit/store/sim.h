/* sim.h: a disk that loses power: a store_io table that keeps beside the real files what of them would have
 * survived.
 *
 * A write, cut or new name is pending until the file, or for names its folder, is synced. At the power cut
 * every pending 512-byte sector survives or not by chance, in any order, so writes are dropped, reordered and
 * torn; of a folder's pending changes a random beginning survives, as in a journal. Syncs can be made to
 * fail: then nothing of what they were to sync is promised, though it may survive, and a later successful
 * sync of the same file promises nothing about it either (as on Linux, where the pages are marked clean).
 * Only files below one folder are simulated. */
#pragma once
#include "archive-store/store/io.h"

void sim_start(const char *dir);
/* Each sync, and each write, fails with a chance of so many in 1000 from now on. */
void sim_failures(guint sync_per_mille, guint write_per_mille, guint seed);
/* The most bytes all files together may have; beyond it writes answer ENOSPC. 0 = no limit. */
void sim_capacity(guint64 bytes);
/* What a power cut now would leave, into a new folder. The simulation goes on. */
void sim_cut(const char *to, guint seed);
void sim_stop(void);
