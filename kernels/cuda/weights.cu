// Weights to the device: the mapped file -> pinned chunks -> the device -> packed to 16 bits in the kernels' layout
// (layout.cuh). Two chunks are under way at a time, so that reading the file, the bus and the packing overlap; the
// host needs two chunks whatever the model's size.
#include "resident.cuh"
#include "rounding.cuh"

extern "C" {
#include "libyoutu/error.h"
}

#include <climits>
#include <cstdlib>
#include <cstring>

namespace {

constexpr size_t CHUNK_BYTES = 16 << 20; // holds a row of any model (CONFIG_MAX_WIDTH floats)
constexpr int N_CHUNKS = 2;
constexpr size_t ALIGNMENT = 256;
constexpr int MAX_GRID_Y = 65535;
constexpr int PACK_THREADS = 256;

// ---- packing ----

__device__ float stored_value(const void *data, dtype type, size_t i) {
    switch (type) {
    case DTYPE_BF16: return widened(static_cast<const __nv_bfloat16 *>(data)[i]);
    case DTYPE_F16: return widened(static_cast<const half *>(data)[i]);
    case DTYPE_F32: break;
    }
    return static_cast<const float *>(data)[i];
}

__device__ void write_value(void *out, dtype type, size_t i, float value) {
    switch (type) {
    case DTYPE_BF16: static_cast<__nv_bfloat16 *>(out)[i] = rounded<__nv_bfloat16>(value); return;
    case DTYPE_F16: static_cast<half *>(out)[i] = rounded<half>(value); return;
    case DTYPE_F32: break;
    }
    static_cast<float *>(out)[i] = value;
}

// Block (256 columns, row).
__global__ void __launch_bounds__(PACK_THREADS)
    pack_kernel(const void *stored, dtype stored_type, int first_row, int n_in, pack_map map, void *out,
                dtype out_type) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = first_row + blockIdx.y;
    int in_group = row % map.group;
    if (column >= n_in || in_group < map.first || in_group >= map.end) return;
    int j = column / map.column_group * map.column_group_stride + column % map.column_group;
    size_t to = row / map.group * map.group_stride + (in_group - map.first) * map.row_stride +
                (map.packed ? packed_column(j) : j) * map.column_stride;
    write_value(out, out_type, to, stored_value(stored, stored_type, (size_t)blockIdx.y * n_in + column));
}

// ---- where everything goes ----

// A stored matrix (or norm, or bias) and a place for it. Packings of one matrix follow one another: it is uploaded once.
struct packing {
    const void *from;
    dtype from_type;
    int n_out, n_in;
    pack_map map;
    void *to;
    dtype type;
};

// The walk over all weights. With base NULL it only adds up bytes; else it fills the resident's pointers and the list.
struct plan {
    char *base;
    size_t used;
    packing *list; // [n_layers * MAX_LAYER_PACKINGS + MAX_OTHER_PACKINGS]
    size_t n;
};

constexpr size_t MAX_LAYER_PACKINGS = 24, MAX_OTHER_PACKINGS = 4;

template <typename T> T *place(plan *p, size_t values, size_t value_bytes) {
    size_t at = p->used;
    p->used += (values * value_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return p->base ? reinterpret_cast<T *>(p->base + at) : nullptr;
}

// Row i of each group goes to row (group * group_rows + i - first), rows of `width` values.
pack_map map_rows(int group, int first, int end, int group_rows, int width) {
    return pack_map{group, first, end, (size_t)group_rows * width, (size_t)width, INT_MAX, 0, 1, true};
}

pack_map map_vector(int group, int first, int end, int group_values) {
    return pack_map{group, first, end, (size_t)group_values, 1, INT_MAX, 0, 1, false};
}

void add(plan *p, const void *from, dtype from_type, int n_out, int n_in, const pack_map &map, void *to,
         dtype type) {
    if (p->base && from) p->list[p->n++] = packing{from, from_type, n_out, n_in, map, to, type};
}

// A vector as fp32, padded with zeros to n_p.
float *place_vector(plan *p, const void *from, dtype type, int n, int n_p) {
    float *to = place<float>(p, n_p, sizeof(float));
    add(p, from, type, n, 1, map_vector(n, 0, n, n), to, DTYPE_F32);
    return to;
}

float *place_norm(plan *p, const matrix *w) {
    return place_vector(p, w->data, w->type, w->n_out, padded(w->n_out, INPUT_PAD));
}

device_matrix place_matrix(plan *p, int n_out, int n_in, bool has_bias) {
    device_matrix m = {nullptr, nullptr, n_out, padded(n_out, TILE_OUTPUTS), padded(n_in, INPUT_PAD)};
    m.data = place<void>(p, (size_t)m.n_out_p * m.n_in_p, 2);
    if (has_bias) m.bias = place<float>(p, m.n_out_p, sizeof(float));
    return m;
}

// Rows of w, and their biases, into m; the first of them to row first_row.
void add_rows(plan *p, const device_matrix &m, dtype type, int first_row, const matrix *w, int group,
              int first, int end, int group_rows) {
    if (!p->base) return;
    uint16_t *to = static_cast<uint16_t *>(const_cast<void *>(m.data)) + (size_t)first_row * m.n_in_p;
    add(p, w->data, w->type, w->n_out, w->n_in, map_rows(group, first, end, group_rows, m.n_in_p), to, type);
}

void add_bias(plan *p, const device_matrix &m, int first_row, const matrix *w, int group, int first, int end,
              int group_rows) {
    if (!p->base) return;
    add(p, w->bias, w->bias_type, w->n_out, 1, map_vector(group, first, end, group_rows),
        const_cast<float *>(m.bias) + first_row, DTYPE_F32);
}

void add_whole(plan *p, const device_matrix &m, dtype type, int first_row, const matrix *w) {
    add_rows(p, m, type, first_row, w, w->n_out, 0, w->n_out, w->n_out);
    if (m.bias) add_bias(p, m, first_row, w, w->n_out, 0, w->n_out, w->n_out);
}

// Query rows head by head, [nope | rope] to [nope_p | rope_p], from row 0 on.
void add_query_rows(plan *p, const head_shape &s, const device_matrix &m, dtype type, const matrix *w) {
    int head = s.nope + s.rope;
    add_rows(p, m, type, 0, w, head, 0, s.nope, s.query_head());
    add_rows(p, m, type, s.nope_p, w, head, s.nope, head, s.query_head());
    if (!m.bias) return;
    add_bias(p, m, 0, w, head, 0, s.nope, s.query_head());
    add_bias(p, m, s.nope_p, w, head, s.nope, head, s.query_head());
}

// kv_b [H * (nope + v), latent]: a head's K rows transposed, its V rows as they are.
void place_kv_b(plan *p, const head_shape &s, resident_layer *l, const matrix *w) {
    int head = s.nope + s.v;
    size_t uk = (size_t)s.latent_p * s.nope_p, uv = (size_t)s.v_p * s.latent_p;
    l->w_uk = place<half>(p, s.n_heads * uk, sizeof(half));
    l->w_uv = place<half>(p, s.n_heads * uv, sizeof(half));
    add(p, w->data, w->type, w->n_out, w->n_in,
        pack_map{head, 0, s.nope, uk, 1, INT_MAX, 0, (size_t)s.nope_p, false}, l->w_uk, DTYPE_F16);
    add(p, w->data, w->type, w->n_out, w->n_in,
        pack_map{head, s.nope, head, uv, (size_t)s.latent_p, INT_MAX, 0, 1, false}, l->w_uv, DTYPE_F16);
}

void place_layer(plan *p, const resident *r, resident_layer *l, const layer_weights *w) {
    const head_shape &s = r->shape;
    dtype type = r->request.type;
    int hidden = r->request.model->hidden_size, q_rows = s.n_heads * s.query_head();
    bool low_rank = w->q_a.data != nullptr;
    l->kv_a_first = low_rank ? padded(w->q_a.n_out, INPUT_PAD) : q_rows;
    l->in =
        place_matrix(p, l->kv_a_first + w->kv_a.n_out, hidden, w->q_a.bias || w->q_b.bias || w->kv_a.bias);
    l->q_b = {};
    if (low_rank) {
        add_whole(p, l->in, type, 0, &w->q_a);
        l->q_b = place_matrix(p, q_rows, w->q_b.n_in, w->q_b.bias != nullptr);
        add_query_rows(p, s, l->q_b, type, &w->q_b);
        l->q_a_norm = place_norm(p, &w->q_a_norm);
    } else {
        add_query_rows(p, s, l->in, type, &w->q_b);
    }
    add_whole(p, l->in, type, l->kv_a_first, &w->kv_a);
    place_kv_b(p, s, l, &w->kv_b);

    l->o = place_matrix(p, hidden, s.n_heads * s.v_p, w->o.bias != nullptr);
    pack_map by_head = map_rows(hidden, 0, hidden, hidden, l->o.n_in_p);
    by_head.column_group = s.v, by_head.column_group_stride = s.v_p;
    add(p, w->o.data, w->o.type, hidden, w->o.n_in, by_head, const_cast<void *>(l->o.data), type);
    if (l->o.bias) add_bias(p, l->o, 0, &w->o, hidden, 0, hidden, hidden);

    l->gate_up = place_matrix(p, 2 * padded(w->gate.n_out, 8), hidden, w->gate.bias || w->up.bias);
    const matrix *halves[] = {&w->gate, &w->up};
    for (int i = 0; i < 2; i++) {
        add_rows(p, l->gate_up, type, 8 * i, halves[i], 8, 0, 8, 16);
        if (l->gate_up.bias) add_bias(p, l->gate_up, 8 * i, halves[i], 8, 0, 8, 16);
    }
    l->down = place_matrix(p, hidden, w->down.n_in, w->down.bias != nullptr);
    add_whole(p, l->down, type, 0, &w->down);
    l->attention_norm = place_norm(p, &w->attention_norm);
    l->kv_a_norm = place_norm(p, &w->kv_a_norm);
    l->mlp_norm = place_norm(p, &w->mlp_norm);
}

void place_all(plan *p, resident *r) {
    const model_weights *w = r->request.weights;
    dtype type = r->request.type;
    r->embedding = place_matrix(p, w->embedding.n_out, w->embedding.n_in, false);
    add_whole(p, r->embedding, type, 0, &w->embedding);
    for (int i = 0; i < r->request.model->n_layers; i++) place_layer(p, r, &r->layers[i], &w->layers[i]);
    r->final_norm = place_norm(p, &w->final_norm);
    r->head = r->embedding;
    if (w->head.data == w->embedding.data) return;
    r->head = place_matrix(p, w->head.n_out, w->head.n_in, w->head.bias != nullptr);
    add_whole(p, r->head, type, 0, &w->head);
}

// ---- the upload ----

struct upload {
    cudaStream_t stream;
    void *pinned[N_CHUNKS], *staged[N_CHUNKS];
    cudaEvent_t packed[N_CHUNKS]; // the chunk has been packed: its buffers are free
    int turn;
    uint64_t done;
};

cudaError_t upload_open(upload *u) {
    cudaError_t e = cudaStreamCreateWithFlags(&u->stream, cudaStreamNonBlocking);
    for (int i = 0; i < N_CHUNKS && e == cudaSuccess; i++) {
        e = cudaMallocHost(&u->pinned[i], CHUNK_BYTES);
        if (e == cudaSuccess) e = cudaMalloc(&u->staged[i], CHUNK_BYTES);
        if (e == cudaSuccess) e = cudaEventCreateWithFlags(&u->packed[i], cudaEventDisableTiming);
    }
    return e;
}

void upload_close(upload *u) {
    if (u->stream) cudaStreamSynchronize(u->stream);
    for (int i = 0; i < N_CHUNKS; i++) {
        if (u->packed[i]) cudaEventDestroy(u->packed[i]);
        cudaFree(u->staged[i]);
        cudaFreeHost(u->pinned[i]);
    }
    if (u->stream) cudaStreamDestroy(u->stream);
}

// Rows first .. first + rows - 1 of the matrix that the n packings share.
cudaError_t upload_rows(upload *u, const packing *p, size_t n, int first, int rows) {
    size_t row_bytes = (size_t)p->n_in * dtype_bytes(p->from_type), bytes = rows * row_bytes;
    int turn = u->turn;
    u->turn = (turn + 1) % N_CHUNKS;
    cudaError_t e = cudaEventSynchronize(u->packed[turn]);
    if (e != cudaSuccess) return e;
    memcpy(u->pinned[turn], static_cast<const char *>(p->from) + first * row_bytes, bytes);
    e = cudaMemcpyAsync(u->staged[turn], u->pinned[turn], bytes, cudaMemcpyHostToDevice, u->stream);
    for (size_t i = 0; i < n && e == cudaSuccess; i++)
        e = pack_rows(u->stream, u->staged[turn], p->from_type, first, rows, p->n_in, p[i].map, p[i].to,
                      p[i].type);
    return e == cudaSuccess ? cudaEventRecord(u->packed[turn], u->stream) : e;
}

cudaError_t upload_all(upload *u, const resident *r, const plan &p) {
    cudaError_t e = cudaSuccess;
    for (size_t i = 0, n; i < p.n && e == cudaSuccess; i += n) {
        for (n = 1; i + n < p.n && p.list[i + n].from == p.list[i].from;) n++;
        const packing *same = &p.list[i];
        size_t row_bytes = (size_t)same->n_in * dtype_bytes(same->from_type);
        int chunk = (int)(CHUNK_BYTES / row_bytes < MAX_GRID_Y ? CHUNK_BYTES / row_bytes : MAX_GRID_Y);
        for (int first = 0; first < same->n_out && e == cudaSuccess; first += chunk) {
            int rows = same->n_out - first < chunk ? same->n_out - first : chunk;
            e = upload_rows(u, same, n, first, rows);
            u->done += rows * row_bytes;
            if (e == cudaSuccess && r->request.progress)
                r->request.progress(r->request.progress_user, u->done, r->request.weights->bytes);
        }
    }
    return e == cudaSuccess ? cudaStreamSynchronize(u->stream) : e;
}

// The matrices by which the model names a layer's work.
void name_layers(resident *r) {
    for (int i = 0; i < r->request.model->n_layers; i++) {
        layer_weights *w = &r->request.weights->layers[i];
        matrix *named[] = {&w->q_a, &w->q_b, &w->o, &w->gate, &w->down};
        for (matrix *m : named) m->resident = &r->layers[i];
    }
}

} // namespace

cudaError_t pack_rows(cudaStream_t stream, const void *stored, dtype stored_type, int first_row, int rows,
                      int n_in, const pack_map &map, void *out, dtype out_type) {
    dim3 grid((n_in + PACK_THREADS - 1) / PACK_THREADS, rows);
    pack_kernel<<<grid, PACK_THREADS, 0, stream>>>(stored, stored_type, first_row, n_in, map, out, out_type);
    return cudaGetLastError();
}

size_t resident_bytes(resident *r) {
    plan p = {};
    place_all(&p, r);
    return p.used;
}

size_t upload_staging_bytes() {
    return N_CHUNKS * CHUNK_BYTES;
}

youtu_status resident_upload(resident *r, youtu_error *error) {
    plan p = {};
    upload u = {};
    cudaError_t e = cudaSuccess;
    size_t n_packings = r->request.model->n_layers * MAX_LAYER_PACKINGS + MAX_OTHER_PACKINGS;
    p.list = static_cast<packing *>(calloc(n_packings, sizeof *p.list));
    if (!p.list) return youtu_fail_memory(error, "the list of weights", n_packings * sizeof *p.list);
    e = cudaMalloc(&r->memory, r->bytes);
    if (e == cudaSuccess) e = upload_open(&u);
    if (e == cudaSuccess) e = cudaMemsetAsync(r->memory, 0, r->bytes, u.stream); // the padding
    if (e == cudaSuccess) {
        p.base = static_cast<char *>(r->memory);
        place_all(&p, r);
        e = upload_all(&u, r, p);
    }
    upload_close(&u);
    free(p.list);
    if (e == cudaSuccess) {
        name_layers(r);
        return YOUTU_OK;
    }
    cudaFree(r->memory);
    r->memory = nullptr;
    return fail_cuda(error, e, "uploading the weights");
}
