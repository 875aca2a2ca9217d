// The frame of a step: its inputs go up in two copies from pinned memory, the layers' launches follow (or the graph
// that stands for them), then logits or drawn tokens come down, and the host waits once.
#include "device.cuh"

extern "C" {
#include "libyoutu/error.h"
}

#include <cstdio>
#include <cstdlib>
#include <cstring>

static_assert(MAX_DRAWS <= DECODE_ROWS, "a step's draws share the buffers of one group of outputs");

namespace {

bool is_absorbed(const device *d, const run *r) {
    return d->decoding || r->form == ATTEND_ABSORBED;
}

// Fills the pinned copy of the inputs; returns how many table entries are in use.
size_t fill_inputs(device *d, const step *s) {
    step_buffers *h = &d->host;
    size_t tables = 0;
    d->n_absorbed = 0;
    for (int32_t i = 0; i < s->n_runs; i++) {
        const run *r = &s->runs[i];
        size_t blocks = (size_t)(r->start + r->n_rows + CACHE_BLOCK - 1) / CACHE_BLOCK;
        memcpy(h->tables + tables, r->blocks, blocks * sizeof *h->tables);
        for (int32_t row = r->first_row; row < r->first_row + r->n_rows; row++) {
            h->table_offset[row] = (int)tables;
            if (is_absorbed(d, r)) h->absorbed_row[d->n_absorbed++] = row;
        }
        tables += blocks;
    }
    memcpy(h->token, s->token, s->n_rows * sizeof(int));
    memcpy(h->position, s->position, s->n_rows * sizeof(int));
    memcpy(h->output_row, s->output_row, s->n_outputs * sizeof(int));
    int pairs = d->model.qk_rope_head_dim / 2;
    for (int32_t i = 0; i < s->n_rows; i++) {
        h->cache_row[i] = s->block[i] * CACHE_BLOCK + s->slot[i];
        for (int j = 0; j < pairs; j++) {
            float2 *turn = &h->angle[(size_t)i * pairs + j];
            rope_turn(&d->model, s->position[i], j, &turn->x, &turn->y);
        }
    }
    return tables;
}

void upload_inputs(device *d, size_t tables) {
    size_t integers = (size_t)(d->host.tables - d->host.token) + tables;
    note(d,
         cudaMemcpyAsync(d->inputs.token, d->host.token, integers * sizeof(int), cudaMemcpyHostToDevice,
                         d->stream),
         "uploading a step");
    size_t angles = (size_t)d->step_->n_rows * (d->model.qk_rope_head_dim / 2);
    note(d,
         cudaMemcpyAsync(d->inputs.angle, d->host.angle, angles * sizeof(float2), cudaMemcpyHostToDevice,
                         d->stream),
         "uploading a step");
}

// Ends the recording; what it holds runs when it is launched.
void keep_graph(device *d) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t *kept = &d->graphs[d->step_->n_rows][d->step_->n_outputs];
    cudaError_t e = cudaStreamEndCapture(d->stream, &graph);
    if (e != cudaSuccess)
        cudaStreamEndCapture(d->stream, &graph); // a stream left recording could not be closed
    note(d, e, "recording a step");
    if (graph && d->failure == cudaSuccess) note(d, cudaGraphInstantiate(kept, graph, 0), "recording a step");
    if (graph) note(d, cudaGraphDestroy(graph), "recording a step");
}

// The launches that turn the logits into tokens, and the way down of either.
void bring_outputs(device *d) {
    int n = (d->step_->n_outputs - 1) % DECODE_ROWS + 1; // of the last group (cuda_head)
    int vocab = d->model.vocab_size;
    if (!d->draws) {
        if (d->host_logits)
            note(d,
                 cudaMemcpyAsync(d->host_logits + (size_t)(d->step_->n_outputs - n) * vocab, d->logits,
                                 (size_t)n * vocab * sizeof(float), cudaMemcpyDeviceToHost, d->stream),
                 "fetching logits");
        return;
    }
    for (int i = 0; i < n; i++) {
        const token_draw *t = &d->draws[i];
        d->host_draws.requests[i] =
            draw_request{t->temperature, t->top_p,  t->min_p,      t->repetition_penalty,
                         t->top_k,       i * vocab, t->n_accepted, t->uniform};
        if (t->n_accepted > 0)
            note(d,
                 cudaMemcpyAsync(d->accepted + (size_t)i * vocab, t->accepted, t->n_accepted * sizeof(int),
                                 cudaMemcpyHostToDevice, d->stream),
                 "uploading accepted tokens");
    }
    note(d,
         cudaMemcpyAsync(d->device_draws.requests, d->host_draws.requests, n * sizeof(draw_request),
                         cudaMemcpyHostToDevice, d->stream),
         "uploading draws");
    if (d->failure == cudaSuccess)
        note(d,
             draw_tokens(d->stream, d->logits, vocab, vocab, n, d->device_draws.requests, d->accepted,
                         d->draw_scratch, d->device_draws.results),
             "drawing tokens");
    note(d,
         cudaMemcpyAsync(d->host_draws.results, d->device_draws.results, n * sizeof(draw_result),
                         cudaMemcpyDeviceToHost, d->stream),
         "fetching tokens");
}

// What passed between each mark and the one before belongs to its kernel.
void add_times(device *d, kernel_times *times) {
    for (int i = 1; i < d->n_marked && d->failure == cudaSuccess; i++) {
        const launch_mark *m = &d->marks[i];
        float ms = 0;
        note(d, cudaEventElapsedTime(&ms, m[-1].event, m->event), "timing kernels");
        int32_t k = 0;
        while (k < times->count && strcmp(times->kernels[k].name, m->kernel) != 0) k++;
        if (k == MAX_KERNELS) continue;
        youtu_kernel_time *t = &times->kernels[k];
        if (k == times->count) *t = youtu_kernel_time{sizeof *t, m->kernel, 0, 0, 0, 0}, times->count++;
        t->launches++, t->ms += ms, t->bytes += m->work.bytes, t->flops += m->work.flops;
    }
}

// Reports the first failure since the last time, and forgets it.
youtu_status report(device *d, youtu_error *error) {
    cudaError_t e = d->failure;
    d->failure = cudaSuccess;
    if (e == cudaSuccess) return YOUTU_OK;
    cudaGetLastError(); // what can be cleared is
    char what[128];
    snprintf(what, sizeof what, "%s: %s", d->weights->facts.label, d->failed);
    return fail_cuda(error, e, what);
}

} // namespace

void launched(device *d, cudaError_t e, const char *kernel, const launch_work &work) {
    note(d, e, kernel);
    if (!d->step_->times || d->failure != cudaSuccess) return;
    if (d->n_marked == d->n_marks) {
        int more = d->n_marks ? 2 * d->n_marks : 512;
        void *grown = realloc(d->marks, more * sizeof *d->marks);
        if (!grown) return note(d, cudaErrorMemoryAllocation, "timing kernels");
        for (d->marks = static_cast<launch_mark *>(grown); d->n_marks < more; d->n_marks++) {
            note(d, cudaEventCreate(&d->marks[d->n_marks].event), "timing kernels");
            if (d->failure != cudaSuccess) return;
        }
    }
    launch_mark *m = &d->marks[d->n_marked++];
    m->kernel = kernel, m->work = work;
    note(d, cudaEventRecord(m->event, d->stream), "timing kernels");
}

youtu_status cuda_begin(device *d, const step *s, youtu_error *error) {
    note(d, cudaSetDevice(d->weights->request.ordinal), "choosing the device");
    d->step_ = s;
    d->decoding = s->n_rows <= DECODE_ROWS;
    d->mode = STEP_DIRECT;
    d->host_logits = nullptr;
    d->draws = nullptr;
    upload_inputs(d, fill_inputs(d, s));
    d->partials.n_splits =
        d->n_absorbed > 0 ? latent_splits(d->n_absorbed, d->weights->n_multiprocessors) : 0;
    d->n_marked = 0;
    launched(d, cudaSuccess, nullptr, {});
    if (d->failure == cudaSuccess && d->decoding && !s->times) {
        d->mode = d->graphs[s->n_rows][s->n_outputs] ? STEP_REPLAY : STEP_RECORD;
        if (d->mode == STEP_RECORD)
            note(d, cudaStreamBeginCapture(d->stream, cudaStreamCaptureModeThreadLocal), "recording a step");
    }
    if (d->failure == cudaSuccess) return YOUTU_OK;
    d->step_ = nullptr;
    return report(d, error);
}

void cuda_draw(device *d, token_draw *draws) {
    d->draws = draws;
}

youtu_status cuda_finish(device *d, youtu_error *error) {
    const step *s = d->step_;
    if (d->mode == STEP_RECORD) keep_graph(d);
    if (d->mode != STEP_DIRECT && d->failure == cudaSuccess)
        note(d, cudaGraphLaunch(d->graphs[s->n_rows][s->n_outputs], d->stream), "launching a step");
    if (d->failure == cudaSuccess && s->n_outputs > 0) bring_outputs(d);
    note(d, cudaStreamSynchronize(d->stream), "a step");
    for (int32_t i = 0; d->draws && i < s->n_outputs && d->failure == cudaSuccess; i++) {
        d->draws[i].token = d->host_draws.results[i].token;
        d->draws[i].log_probability = d->host_draws.results[i].log_probability;
    }
    if (s->times) add_times(d, s->times);
    d->step_ = nullptr;
    return report(d, error);
}

youtu_status cuda_fetch_logits(device *d, int32_t n, float *logits, youtu_error *error) {
    note(d, cudaSetDevice(d->weights->request.ordinal), "choosing the device");
    note(d,
         cudaMemcpy(logits, d->logits, (size_t)n * d->model.vocab_size * sizeof *logits,
                    cudaMemcpyDeviceToHost),
         "fetching logits");
    return report(d, error);
}

// One copy of [n_layers] pieces, a layer's cache apart. A failure shows at the next step.
void cuda_copy_block(void *device_, int32_t from, int32_t to) {
    device *d = static_cast<device *>(device_);
    size_t block = (size_t)CACHE_BLOCK * d->shape.cached(), pitch = d->n_cache_blocks * block * sizeof(half);
    note(d, cudaSetDevice(d->weights->request.ordinal), "choosing the device");
    note(d,
         cudaMemcpy2DAsync(d->cache + to * block, pitch, d->cache + from * block, pitch, block * sizeof(half),
                           d->model.n_layers, cudaMemcpyDeviceToDevice, d->stream),
         "copying a cache block");
}
