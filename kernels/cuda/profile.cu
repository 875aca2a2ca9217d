// Times of a step's launches, for youtu_profile. All launches go one behind the other on one stream, so an event before
// the first and one behind each bound them: what lies between two neighbours is a launch and its start. The host must
// stay ahead of the device, or its own time is counted too: a decode step's launches are shorter to make than to run.
#include "device.cuh"

#include <cstdlib>
#include <cstring>

namespace {

constexpr int MARKS =
    1024; // launches between two looks at the events; a step of the published model has 260 to 700

struct mark {
    const char *name;
    work done;
    int launches;
};

} // namespace

struct profiler {
    mark marks[MARKS];
    cudaEvent_t events[MARKS + 1]; // marks[i] lies between events[i] and events[i + 1]
    int n;
};

namespace {

void add_time(kernel_profile *profile, const mark &m, float ms) {
    int i = 0;
    while (i < profile->count && strcmp(profile->kernels[i].name, m.name) != 0) i++;
    if (i == MAX_KERNEL_NAMES || m.launches == 0) return;
    youtu_kernel_time *k = &profile->kernels[i];
    if (i == profile->count) *k = {sizeof *k, m.name, 0, 0, 0, 0}, profile->count++;
    k->launches += m.launches;
    k->ms += ms;
    k->bytes += m.done.bytes;
    k->flops += m.done.flops;
}

// All marks so far must have run.
void read_events(device *d) {
    profiler *p = d->times;
    for (int i = 0; i < p->n && d->failure == cudaSuccess; i++) {
        float ms = 0;
        note(d, cudaEventElapsedTime(&ms, p->events[i], p->events[i + 1]), "timing a step");
        if (d->failure == cudaSuccess) add_time(d->step_->profile, p->marks[i], ms);
    }
    p->n = 0;
}

} // namespace

void profile_begin(device *d) {
    if (!d->step_->profile || d->failure != cudaSuccess) return;
    if (!d->times) d->times = static_cast<profiler *>(calloc(1, sizeof *d->times));
    note(d, d->times ? cudaSuccess : cudaErrorMemoryAllocation, "timing a step");
    for (int i = 0; i <= MARKS && d->failure == cudaSuccess; i++)
        if (!d->times->events[i]) note(d, cudaEventCreate(&d->times->events[i]), "timing a step");
    if (d->failure != cudaSuccess) return;
    d->times->n = 0;
    note(d, cudaEventRecord(d->times->events[0], d->stream), "timing a step");
}

void launched(device *d, cudaError_t e, const char *name, work done, int launches) {
    note(d, e, name);
    if (!d->step_->profile || d->failure != cudaSuccess) return;
    profiler *p = d->times;
    p->marks[p->n++] = {name, done, launches};
    note(d, cudaEventRecord(p->events[p->n], d->stream), "timing a step");
    if (p->n < MARKS) return;
    note(d, cudaStreamSynchronize(d->stream), name);
    read_events(d);
    note(d, cudaEventRecord(p->events[0], d->stream), "timing a step");
}

void profile_end(device *d) {
    if (d->step_->profile && d->failure == cudaSuccess) read_events(d);
}

void profile_free(device *d) {
    if (!d->times) return;
    for (cudaEvent_t event : d->times->events)
        if (event) cudaEventDestroy(event);
    free(d->times);
}
