using System;
using System.Runtime.InteropServices;

namespace Hart.Native
{
    /// <summary>What "near" means. The smaller the distance, the nearer.</summary>
    public enum Metric
    {
        /// <summary>1 − cosine similarity.</summary>
        Cosine = NativeMethods.HART_METRIC_COSINE,
        /// <summary>Straight-line distance.</summary>
        Euclidean = NativeMethods.HART_METRIC_EUCLIDEAN,
        /// <summary>Negated inner product.</summary>
        Dot = NativeMethods.HART_METRIC_DOT,
    }

    /// <summary>A row that a search found.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public readonly struct Hit
    {
        /// <summary>The row's id: the caller's, or its position where the caller gave none.</summary>
        public readonly long Id;
        /// <summary>Its distance from the query; NaN where it is none.</summary>
        public readonly double Distance;
        /// <summary>Its position among the rows, from 0.</summary>
        public readonly ulong Row;
    }

    /// <summary>Kernels of vectors.</summary>
    public static unsafe partial class Vectors
    {
        /// <summary>
        /// The rows nearest to each query, as <see cref="VectorIndex.TopK"/> finds them, without a copy of the rows: for a search or two.
        /// </summary>
        /// <param name="rows">Row-major matrix of <paramref name="dimensions"/> columns.</param>
        /// <param name="dimensions">Columns.</param>
        /// <param name="queries">One query or many, row-major.</param>
        /// <param name="k">Hits for each.</param>
        /// <param name="metric">What "near" means.</param>
        /// <param name="ids">One for each row; empty for the positions.</param>
        /// <exception cref="HartException">What is wrong, and what was expected.</exception>
        public static Hit[] TopK(
            ReadOnlySpan<float> rows, int dimensions, ReadOnlySpan<float> queries, int k, Metric metric,
            ReadOnlySpan<long> ids = default)
        {
            Check.Dimensions(dimensions);
            UIntPtr rowCount = Check.Rows(nameof(rows), rows.Length, dimensions);
            UIntPtr count = Check.Rows(nameof(queries), queries.Length, dimensions);
            Check.Ids(ids.Length, (int)rowCount);
            Hit[] hits = Check.Hits((int)count, k, (int)rowCount);
            UIntPtr written;
            fixed (float* rowsPointer = &MemoryMarshal.GetReference(rows))
            fixed (long* idsPointer = &MemoryMarshal.GetReference(ids))
            fixed (float* queriesPointer = &MemoryMarshal.GetReference(queries))
            fixed (Hit* hitsPointer = hits)
                Check.Status(NativeMethods.hart_vector_top_k_f32(
                    rowsPointer, rowCount, (UIntPtr)dimensions, ids.IsEmpty ? null : idsPointer, queriesPointer, count, (UIntPtr)k,
                    (int)metric, (HartHit*)hitsPointer, (UIntPtr)hits.Length, &written));
            return hits;
        }
    }

    /// <summary>A copy of rows for repeated exact searches, from any number of threads. Dispose it to give the memory back.</summary>
    public sealed unsafe class VectorIndex : SafeHandle
    {
        /// <param name="rows">Row-major matrix of <paramref name="dimensions"/> columns.</param>
        /// <param name="dimensions">Columns.</param>
        /// <param name="ids">One for each row; empty for the positions.</param>
        public VectorIndex(ReadOnlySpan<float> rows, int dimensions, ReadOnlySpan<long> ids = default)
            : base(IntPtr.Zero, true)
        {
            Check.Dimensions(dimensions);
            UIntPtr count = Check.Rows(nameof(rows), rows.Length, dimensions);
            Check.Ids(ids.Length, (int)count);
            HartIndex* index;
            fixed (float* rowsPointer = &MemoryMarshal.GetReference(rows))
            fixed (long* idsPointer = &MemoryMarshal.GetReference(ids))
                Check.Status(NativeMethods.hart_index_create_f32(
                    rowsPointer, count, (UIntPtr)dimensions, ids.IsEmpty ? null : idsPointer, null, &index));
            SetHandle((IntPtr)index);
            Count = (int)count;
            Dimensions = dimensions;
        }

        /// <summary>Number of rows.</summary>
        public int Count { get; }

        /// <summary>Columns of every row.</summary>
        public int Dimensions { get; }

        /// <inheritdoc/>
        public override bool IsInvalid => handle == IntPtr.Zero;

        /// <summary>
        /// The rows nearest to each query, nearest first: min(k, Count) for each, those of one query behind those of the one before.
        /// Equal distances are ordered by the smaller id, then by the position; NaN comes last.
        /// </summary>
        /// <param name="queries">One query or many, row-major.</param>
        /// <param name="k">Hits for each.</param>
        /// <param name="metric">What "near" means.</param>
        public Hit[] TopK(ReadOnlySpan<float> queries, int k, Metric metric)
        {
            UIntPtr count = Check.Rows(nameof(queries), queries.Length, Dimensions);
            Hit[] hits = Check.Hits((int)count, k, Count);
            UIntPtr written;
            bool held = false;
            try
            {
                // The handle cannot be released by another thread while it is held.
                DangerousAddRef(ref held);
                fixed (float* queriesPointer = &MemoryMarshal.GetReference(queries))
                fixed (Hit* hitsPointer = hits)
                    Check.Status(NativeMethods.hart_index_top_k_f32(
                        (HartIndex*)handle, queriesPointer, count, (UIntPtr)Dimensions, (UIntPtr)k, (int)metric,
                        (HartHit*)hitsPointer, (UIntPtr)hits.Length, &written));
            }
            finally
            {
                if (held)
                    DangerousRelease();
            }
            return hits;
        }

        /// <inheritdoc/>
        protected override bool ReleaseHandle()
        {
            HartIndex* index = (HartIndex*)handle;
            return NativeMethods.hart_index_release(&index) == NativeMethods.HART_OK;
        }
    }
}
