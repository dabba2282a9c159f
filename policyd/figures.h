/* figures.h: what the daemon holds, as metrics. */
#pragma once
#include "policyd/daemon.h"

/* Registers them; sets them from data (struct policyd). Once a second, from one thread. */
void figures_register(void);
void figures_update(gpointer data);
