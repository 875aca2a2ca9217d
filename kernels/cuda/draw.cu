// Logits to tokens by the rules of libyoutu/sampler.c: repetition penalty, temperature, top-k, top-p, min-p, and the
// draw over what is left in the order of ids; and log softmax of the drawn token under the logits as they are.
//
// A block takes a row. Of its vocabulary each warp owns a stretch of neighbours, from the logits to the draw: scores
// are kept as keys, 32-bit integers in their order, and each filter narrows the stretch's list of candidates in place,
// in the order of ids, without a word between warps. Where a filter cuts is found bit by bit: a key's upper bits are
// known, the next two are the largest that leave enough above; a pass costs a sum over the block.
//
// Sums are exact: a weight e^(score - largest) <= 1 counts in units of 2^-38, in 64 bits. So they do not depend on
// their order, and the vocabulary may reach 2^25. What weighs less than 2^-39 of the best is never drawn.
//
// scratch [n][2][vocab_p]: the keys of the candidates' scores, then of their weights; their tokens. At 128,256 tokens a
// row reads its logits twice, writes its keys and reads them once (greedy) or twice (top-k), 2 to 2.5 MB that come from
// L2 at 64 bytes a clock of its one SM; 0.25 to 0.45 million warp instructions bind more, some 35 to 65 us, beside the
// 12 ms of a decode step. top-p without top-k walks longer lists: up to 2 million. Rows run beside one another.
#include "kernels.cuh"

namespace {

using units = unsigned long long;

constexpr int WARPS = 32;
constexpr int THREADS = 32 * WARPS;
constexpr int STRETCH_PAD = 128; // a warp's 16-byte loads
constexpr float ONE = 0x1p38f;   // the units of weight 1
constexpr unsigned ALL = ~0u;

// ---- numbers as keys ----

// Keys are in the order of the numbers, -0 the same as 0; no number has the key 0.
__device__ unsigned key_of(float x) {
    unsigned bits = __float_as_uint(x + 0.0f);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

__device__ float number_of(unsigned key) {
    return __uint_as_float(key >> 31 ? key ^ 0x80000000u : ~key);
}

// A weight is its own key: it is not negative.
__device__ units units_of(float weight) {
    return __float2ull_rn(weight * ONE);
}

struct weight_units {
    __device__ units operator()(unsigned key) const {
        return units_of(__uint_as_float(key));
    }
};

struct one_each {
    __device__ units operator()(unsigned) const {
        return 1;
    }
};

struct one_if_equal {
    unsigned key;
    __device__ units operator()(unsigned other) const {
        return other == key;
    }
};

// ---- sums and maxima over the block ----

__device__ int lane() {
    return threadIdx.x % 32;
}

__device__ int warp() {
    return threadIdx.x / 32;
}

struct sum_of {
    __device__ units operator()(units a, units b) const {
        return a + b;
    }
};

struct larger_of {
    __device__ units operator()(units a, units b) const {
        return a > b ? a : b;
    }
};

template <typename Operation> __device__ units reduce_warp(units value, Operation operation) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) value = operation(value, __shfl_xor_sync(ALL, value, step));
    return value;
}

// Every thread gets the result. It is also a barrier.
template <typename Operation> __device__ units reduce_block(units value, Operation operation) {
    __shared__ units of_warp[WARPS];
    value = reduce_warp(value, operation);
    __syncthreads(); // the last result has been read
    if (lane() == 0) of_warp[warp()] = value;
    __syncthreads();
    return reduce_warp(of_warp[lane()], operation);
}

// ---- candidates ----

// A warp's share of the tokens still in the draw, in the order of ids: its keys and tokens in the row's arrays.
struct candidates {
    unsigned *key;
    int *token;
    int first, n; // slots first .. first + n - 1
};

template <typename Value> __device__ units sum_values(const candidates &c, Value value) {
    units sum = 0;
    for (int i = lane(); i < c.n; i += 32) sum += value(c.key[c.first + i]);
    return reduce_block(sum, sum_of());
}

// Keeps the candidates for which keep(key, slot). LISTED false: the list is the whole stretch, tokens not yet written.
// Reads run ahead of writes: what is kept moves towards the stretch's beginning.
template <bool LISTED, typename Keep> __device__ void narrow(candidates *c, Keep keep) {
    int kept = c->first, end = c->first + c->n;
    for (int base = c->first; base < end; base += 4 * 32) {
        unsigned key[4];
        int token[4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            int slot = base + 32 * k + lane();
            key[k] = slot < end ? c->key[slot] : 0;
            token[k] = LISTED && slot < end ? c->token[slot] : slot;
        }
        __syncwarp();
#pragma unroll
        for (int k = 0; k < 4; k++) {
            int slot = base + 32 * k + lane();
            bool stays = slot < end && keep(key[k], slot);
            unsigned stay = __ballot_sync(ALL, stays);
            if (stays) {
                int to = kept + __popc(stay & ((1u << lane()) - 1));
                c->key[to] = key[k];
                c->token[to] = token[k];
            }
            kept += __popc(stay);
        }
        __syncwarp();
    }
    c->n = kept - c->first;
}

// The largest key, its `open_bits` lowest bits 0, such that all keys from it on have values of `enough` together; 0
// when there is no such. key [n]: the warp's.
template <int OPEN_BITS, typename Value>
__device__ unsigned find_cut(const unsigned *key, int n, units enough, Value value) {
    __shared__ units of_warp[3][WARPS];
    __shared__ unsigned found;
    unsigned cut = 0;
    for (int shift = 30; shift >= OPEN_BITS; shift -= 2) {
        units sums[3] = {0, 0, 0}; // from the cut on whose next two bits are 1, 2, 3
        for (int i = lane(); i < n; i += 32) {
            unsigned steps = key[i] < cut ? 0 : (key[i] - cut) >> shift; // beyond 3 above the known bits
            units add = steps > 0 ? value(key[i]) : 0;
            sums[0] += add;
            sums[1] += steps > 1 ? add : 0;
            sums[2] += steps > 2 ? add : 0;
        }
        bool any = __any_sync(ALL, sums[0] > 0);
#pragma unroll
        for (int k = 0; k < 3; k++) {
            if (any) sums[k] = reduce_warp(sums[k], sum_of());
            if (lane() == 0) of_warp[k][warp()] = sums[k];
        }
        __syncthreads();
        if (warp() == 0) {
            unsigned steps = 0;
#pragma unroll
            for (int k = 0; k < 3; k++) steps += reduce_warp(of_warp[k][lane()], sum_of()) >= enough;
            if (lane() == 0) found = cut + (steps << shift);
        }
        __syncthreads();
        cut = found;
    }
    return cut;
}

// The slot at which the running sum of values, in the order of ids, passes `target`, which is less than their total.
template <typename Value> __device__ int find_passing(const candidates &c, units target, Value value) {
    __shared__ units of_warp[WARPS];
    __shared__ int found;
    units own = 0;
    for (int i = lane(); i < c.n; i += 32) own += value(c.key[c.first + i]);
    own = reduce_warp(own, sum_of());
    __syncthreads(); // the last result has been read
    if (lane() == 0) of_warp[warp()] = own;
    __syncthreads();
    units before = reduce_warp(lane() < warp() ? of_warp[lane()] : 0, sum_of());
    if (before <= target && target < before + own) {
        bool passed = false;
        for (int base = c.first; !passed; base += 32) {
            int slot = base + lane();
            units sum = slot < c.first + c.n ? value(c.key[slot]) : 0;
#pragma unroll
            for (int step = 1; step < 32; step *= 2) {
                units below = __shfl_up_sync(ALL, sum, step);
                if (lane() >= step) sum += below;
            }
            unsigned beyond = __ballot_sync(ALL, before + sum > target);
            passed = beyond != 0;
            if (passed && lane() == __ffs(beyond) - 1) found = slot;
            before += __shfl_sync(ALL, sum, 31);
        }
    }
    __syncthreads();
    return found;
}

// ---- the row ----

// A warp's stretch: slots first .. end - 1 of the vocabulary; to padded_end the keys are there, but 0.
struct stretch {
    int first, end, padded_end;
};

__host__ __device__ int padded_vocab(int vocab) {
    return padded(vocab, 4);
}

__device__ stretch stretch_of_warp(int vocab) {
    int width = padded((vocab + WARPS - 1) / WARPS, STRETCH_PAD);
    int first = min(warp() * width, padded_vocab(vocab)); // at most 2^24 + 32 * 128: no overflow
    return {first, max(first, min(first + width, vocab)), min(first + width, padded_vocab(vocab))};
}

// 4 logits; beyond the vocabulary 0.
__device__ float4 load_logits(const float *logits, int vocab, int i, bool aligned) {
    if (aligned && i + 4 <= vocab) return *reinterpret_cast<const float4 *>(logits + i);
    return {i < vocab ? logits[i] : 0.0f, i + 1 < vocab ? logits[i + 1] : 0.0f,
            i + 2 < vocab ? logits[i + 2] : 0.0f, i + 3 < vocab ? logits[i + 3] : 0.0f};
}

struct row_of_logits {
    const float *logits;
    int vocab;
    bool aligned; // for 16-byte loads
    stretch own;
};

// Keys of the scores, without the penalty; the largest logit's key, or 0 when one of them is not finite.
__device__ unsigned score_row(const row_of_logits &row, float temperature, unsigned *key) {
    unsigned largest = 0;
    bool damaged = false;
    for (int i = row.own.first + 4 * lane(); i < row.own.padded_end; i += STRETCH_PAD) {
        float4 x = load_logits(row.logits, row.vocab, i, row.aligned);
        damaged |= !(isfinite(x.x) && isfinite(x.y) && isfinite(x.z) && isfinite(x.w));
        uint4 score = {key_of(x.x / temperature), key_of(x.y / temperature), key_of(x.z / temperature),
                       key_of(x.w / temperature)};
        if (i + 1 >= row.vocab) score.y = 0, x.y = x.x;
        if (i + 2 >= row.vocab) score.z = 0, x.z = x.x;
        if (i + 3 >= row.vocab) score.w = 0, x.w = x.x;
        *reinterpret_cast<uint4 *>(key + i) = score;
        largest = max(largest, key_of(fmaxf(fmaxf(x.x, x.y), fmaxf(x.z, x.w))));
    }
    largest = (unsigned)reduce_block(largest, larger_of());
    return __syncthreads_or(damaged) ? 0 : largest;
}

// The scores of accepted tokens again, with the penalty.
__device__ void penalise(const row_of_logits &row, const draw_request &r, float temperature,
                         const int *accepted, unsigned *key) {
    for (int i = threadIdx.x; r.repetition_penalty != 1.0f && i < r.n_accepted; i += THREADS) {
        int token = accepted[r.accepted_first + i];
        float x = row.logits[token];
        key[token] = key_of((x < 0 ? x * r.repetition_penalty : x / r.repetition_penalty) / temperature);
    }
    __syncthreads();
}

// What a thread sees of its stretch: its largest key and the lowest token that has it; its sum of e^(logit - largest).
struct thread_view {
    unsigned key;
    int token;
    units sum;
};

__device__ thread_view view_row(const row_of_logits &row, const unsigned *key, float largest_logit) {
    thread_view view = {0, 0, 0};
    for (int i = row.own.first + 4 * lane(); i < row.own.padded_end; i += STRETCH_PAD) {
        float4 x = load_logits(row.logits, row.vocab, i, row.aligned);
        uint4 score = *reinterpret_cast<const uint4 *>(key + i);
        auto see = [&](unsigned k, float logit, int token) {
            if (k > view.key) view.key = k, view.token = token;
            if (token < row.vocab) view.sum += units_of(expf(logit - largest_logit));
        };
        see(score.x, x.x, i);
        see(score.y, x.y, i + 1);
        see(score.z, x.z, i + 2);
        see(score.w, x.w, i + 3);
    }
    return view;
}

// All scores that are not below the k-th best. The k-th best of the threads' maxima is not above it, whatever its lower
// bits: what is below goes first.
__device__ void keep_top_k(candidates *c, int k, unsigned thread_maximum) {
    __shared__ unsigned maxima[THREADS];
    maxima[threadIdx.x] = thread_maximum;
    __syncwarp();
    unsigned least = find_cut<16>(maxima + 32 * warp(), 32, k, one_each());
    narrow<false>(c, [=](unsigned key, int) { return key >= least; });
    unsigned cut = find_cut<0>(c->key + c->first, c->n, k, one_each());
    narrow<true>(c, [=](unsigned key, int) { return key >= cut; });
}

// Keys of scores become keys of weights.
__device__ void weigh(const candidates &c, float largest) {
    for (int i = c.first + lane(); i < c.first + c.n; i += 32)
        c.key[i] = __float_as_uint(expf(number_of(c.key[i]) - largest));
    __syncwarp();
}

// The candidates that have less than a share top_p of the weight above them; of equal ones the first. As in sampler.c
// first all go that weigh less than an n-th of what may go.
__device__ void keep_top_p(candidates *c, float top_p) {
    units total = sum_values(*c, weight_units()), n = sum_values(*c, one_each());
    units enough = (units)ceil((double)top_p * (double)total);
    units least = (total - enough) / n;
    narrow<true>(c, [=](unsigned key, int) { return weight_units()(key) >= least; });

    unsigned cut = find_cut<0>(c->key + c->first, c->n, enough, weight_units());
    units above = 0;
    for (int i = lane(); i < c->n; i += 32) {
        unsigned key = c->key[c->first + i];
        if (key > cut) above += weight_units()(key);
    }
    above = reduce_block(above, sum_of());
    units at_cut = weight_units()(cut), n_equal = (enough - above + at_cut - 1) / at_cut;
    int last = find_passing(*c, n_equal - 1, one_if_equal{cut});
    narrow<true>(c, [=](unsigned key, int slot) { return key > cut || (key == cut && slot <= last); });
}

__device__ int draw_token(const row_of_logits &row, const draw_request &r, unsigned *key, int *tokens,
                          float largest, unsigned thread_maximum) {
    candidates c = {key, tokens, row.own.first, row.own.end - row.own.first};
    if (r.top_k > 0 && r.top_k < row.vocab)
        keep_top_k(&c, r.top_k, thread_maximum);
    else
        narrow<false>(&c, [](unsigned, int) { return true; });
    weigh(c, largest);
    if (r.top_p < 1) keep_top_p(&c, r.top_p);
    float min_p = r.min_p; // the best weighs 1
    if (min_p > 0) narrow<true>(&c, [=](unsigned k, int) { return __uint_as_float(k) >= min_p; });
    units total = sum_values(c, weight_units());
    units target = min((units)(r.uniform * (double)total), total - 1);
    return tokens[find_passing(c, target, weight_units())];
}

__global__ void __launch_bounds__(THREADS)
    draw_kernel(const float *logits, size_t stride, int vocab, const draw_request *requests,
                const int *accepted, unsigned *scratch, draw_result *results) {
    const draw_request r = requests[blockIdx.x];
    row_of_logits row = {logits + blockIdx.x * stride, vocab, false, stretch_of_warp(vocab)};
    row.aligned = reinterpret_cast<size_t>(row.logits) % sizeof(float4) == 0;
    size_t vocab_p = padded_vocab(vocab);
    unsigned *key = scratch + 2 * vocab_p * blockIdx.x;
    int *tokens = reinterpret_cast<int *>(key + vocab_p);
    float temperature = r.temperature == 0 ? 1.0f : r.temperature;

    draw_result result = {-1, 0};
    unsigned largest_logit = score_row(row, temperature, key);
    if (largest_logit != 0) {
        penalise(row, r, temperature, accepted, key);
        thread_view view = view_row(row, key, number_of(largest_logit));
        units sum = reduce_block(view.sum, sum_of());
        units best =
            reduce_block((units)view.key << 32 | (unsigned)~view.token, larger_of()); // the lowest of equals
        float largest = number_of((unsigned)(best >> 32));
        if (isfinite(largest)) {
            result.token = r.temperature == 0 ? (int)~(unsigned)best
                                              : draw_token(row, r, key, tokens, largest, view.key);
            result.log_probability =
                (float)((double)row.logits[result.token] - (double)number_of(largest_logit) -
                        (double)logf((float)sum / ONE));
        }
    }
    if (threadIdx.x == 0) results[blockIdx.x] = result;
}

} // namespace

size_t draw_scratch_bytes(int n, int vocab) {
    return (size_t)n * 2 * padded_vocab(vocab) * sizeof(unsigned);
}

cudaError_t draw_tokens(cudaStream_t stream, const float *logits, size_t stride, int vocab, int n,
                        const draw_request *requests, const int *accepted, void *scratch,
                        draw_result *results) {
    draw_kernel<<<n, THREADS, 0, stream>>>(logits, stride, vocab, requests, accepted,
                                           static_cast<unsigned *>(scratch), results);
    return cudaGetLastError();
}
