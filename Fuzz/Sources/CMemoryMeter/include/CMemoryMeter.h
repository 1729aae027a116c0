#pragma once

/// Bytes that are held now, as malloc rounds them.
long martlet_memory_held(void);
/// The most that was held since `martlet_memory_restart`.
long martlet_memory_peak(void);
/// Forgets the peak.
void martlet_memory_restart(void);
