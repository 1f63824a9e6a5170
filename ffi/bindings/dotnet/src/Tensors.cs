using System;
using System.Runtime.InteropServices;

namespace Hart.Native
{
    /// <summary>Kernels of tensors.</summary>
    public static unsafe class Tensors
    {
        /// <summary>Number of elements of a quantized payload, such as q4_k in GGUF's layout.</summary>
        public static int PayloadElements(string payloadType, ReadOnlySpan<byte> payload)
        {
            UIntPtr count;
            fixed (byte* name = Check.Utf8(payloadType))
                Check.Status(NativeMethods.hart_tensor_payload_elements(name, (UIntPtr)payload.Length, &count));
            return checked((int)count);
        }

        /// <summary>Decodes a quantized payload; <paramref name="result"/> has as many elements as <see cref="PayloadElements"/> says.</summary>
        public static void DecodePayload(string payloadType, ReadOnlySpan<byte> payload, Span<float> result)
        {
            fixed (byte* name = Check.Utf8(payloadType))
            fixed (byte* payloadPointer = &MemoryMarshal.GetReference(payload))
            fixed (float* resultPointer = &MemoryMarshal.GetReference(result))
                Check.Status(NativeMethods.hart_tensor_decode_payload_f32(
                    name, payloadPointer, (UIntPtr)payload.Length, resultPointer, (UIntPtr)result.Length));
        }

        /// <summary>
        /// Truncated singular value decomposition, largest singular values first; returns the number of components. Values are off by at most
        /// (rows + columns)·2⁻⁵² of the largest one. Vectors lie one after the other: left vector i is u.Slice(i * rows, rows), right vector i is
        /// v.Slice(i * columns, columns).
        /// </summary>
        public static int Svd(
            ReadOnlySpan<float> matrix, int columns, int rank, Span<double> singularValues, Span<float> u, Span<float> v)
        {
            return Truncated(matrix, columns, rank, null, singularValues, u, v);
        }

        /// <summary>
        /// As <see cref="Svd"/>, by the randomized method: several times faster for a low rank, and approximate. Values are too small by what a
        /// random sample misses, which nothing bounds for a single matrix: on weights and noise the first by up to 1 %, the last by up to 5 %,
        /// with an error up to 1 % above the least possible; on the hardest spectra found 11 %, 21 % and 2 %.
        /// </summary>
        public static int SvdRandomized(
            ReadOnlySpan<float> matrix, int columns, int rank, ulong seed, Span<double> singularValues, Span<float> u, Span<float> v)
        {
            return Truncated(matrix, columns, rank, seed, singularValues, u, v);
        }

        private static int Truncated(
            ReadOnlySpan<float> matrix, int columns, int rank, ulong? seed, Span<double> singularValues, Span<float> u, Span<float> v)
        {
            Check.Dimensions(columns);
            UIntPtr rows = Check.Rows(nameof(matrix), matrix.Length, columns);
            if (rank < 1)
                throw new ArgumentOutOfRangeException(nameof(rank), rank, "expected an integer ≥ 1");
            Check.Same(nameof(singularValues), singularValues.Length, nameof(rank), rank);
            Check.Same(nameof(u), u.Length, "rank × rows", checked(rank * (int)rows));
            Check.Same(nameof(v), v.Length, "rank × columns", checked(rank * columns));
            UIntPtr components;
            fixed (float* matrixPointer = &MemoryMarshal.GetReference(matrix))
            fixed (double* values = &MemoryMarshal.GetReference(singularValues))
            fixed (float* uPointer = &MemoryMarshal.GetReference(u))
            fixed (float* vPointer = &MemoryMarshal.GetReference(v))
                Check.Status(seed is ulong given
                    ? NativeMethods.hart_tensor_svd_randomized_f32(
                        matrixPointer, rows, (UIntPtr)columns, (UIntPtr)rank, given, values, uPointer, vPointer, &components)
                    : NativeMethods.hart_tensor_svd_f32(
                        matrixPointer, rows, (UIntPtr)columns, (UIntPtr)rank, values, uPointer, vPointer, &components));
            return (int)components;
        }
    }
}
