// Included behind `tile`, whose `tile_job` has an output c, its stride, a bias and whether to add to c.

// The last panel's tile may be narrower than a panel: it goes through a whole one.
static void narrow_tile(int rows, const tile_job *job, long columns) {
  float c[ROWS * PANEL] = {0}, bias[PANEL] = {0};
  size_t bytes = (size_t)columns * sizeof(float);
  tile_job whole = *job;
  whole.c = c;
  whole.c_stride = PANEL;
  if (job->bias) whole.bias = memcpy(bias, job->bias, bytes);
  if (job->accumulate)
    for (int i = 0; i < rows; i++) memcpy(c + i * PANEL, job->c + i * job->c_stride, bytes);
  tile(rows, &whole);
  for (int i = 0; i < rows; i++) memcpy(job->c + i * job->c_stride, c + i * PANEL, bytes);
}
