using System;
using System.Buffers;
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
        /// <summary>Sum of absolute differences.</summary>
        Manhattan = NativeMethods.HART_METRIC_MANHATTAN,
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

    /// <summary>
    /// Rows for repeated exact searches, from any number of threads: a copy of them, or with <see cref="Borrow(ReadOnlyMemory{float}, int, ReadOnlySpan{long})"/>
    /// the caller's own. Dispose it to give the memory back.
    /// </summary>
    public sealed unsafe class VectorIndex : SafeHandle
    {
        /// <summary>Holds borrowed memory in its place.</summary>
        MemoryHandle pinned;

        /// <param name="rows">Row-major matrix of <paramref name="dimensions"/> columns.</param>
        /// <param name="dimensions">Columns.</param>
        /// <param name="ids">One for each row; empty for the positions.</param>
        /// <param name="codes">Also keeps a code of each row, a byte a component, with which searches are several times as fast; the hits are the same, bit for bit.</param>
        public VectorIndex(ReadOnlySpan<float> rows, int dimensions, ReadOnlySpan<long> ids = default, bool codes = false)
            : base(IntPtr.Zero, true)
        {
            Check.Dimensions(dimensions);
            UIntPtr count = Check.Rows(nameof(rows), rows.Length, dimensions);
            Check.Ids(ids.Length, (int)count);
            fixed (float* rowsPointer = &MemoryMarshal.GetReference(rows))
            fixed (long* idsPointer = &MemoryMarshal.GetReference(ids))
                Create(rowsPointer, (long)count, dimensions, ids.IsEmpty ? null : idsPointer, codes ? NativeMethods.HART_INDEX_CODES : 0);
        }

        VectorIndex() : base(IntPtr.Zero, true)
        {
        }

        /// <summary>
        /// An index that reads the rows where they lie. They are held in their place and must not be written to until it is disposed.
        /// </summary>
        /// <param name="rows">Row-major matrix of <paramref name="dimensions"/> columns.</param>
        /// <param name="dimensions">Columns.</param>
        /// <param name="ids">One for each row, which are copied; empty for the positions.</param>
        /// <param name="codes">Also keeps a code of each row, as the constructor says.</param>
        public static VectorIndex Borrow(ReadOnlyMemory<float> rows, int dimensions, ReadOnlySpan<long> ids = default, bool codes = false)
        {
            Check.Dimensions(dimensions);
            UIntPtr count = Check.Rows(nameof(rows), rows.Length, dimensions);
            Check.Ids(ids.Length, (int)count);
            VectorIndex index = new VectorIndex();
            MemoryHandle pinned = rows.Pin();
            try
            {
                fixed (long* idsPointer = &MemoryMarshal.GetReference(ids))
                    index.Create(
                        (float*)pinned.Pointer, (long)count, dimensions, ids.IsEmpty ? null : idsPointer, Borrowed(codes));
            }
            catch
            {
                pinned.Dispose();
                throw;
            }
            index.pinned = pinned;
            return index;
        }

        /// <summary>
        /// An index that reads rows in memory that does not move, such as a mapped file, of any size: also beyond the 2³¹ elements of a span. It must stay
        /// there, unchanged, until the index is disposed.
        /// </summary>
        /// <param name="rows">Row-major matrix of <paramref name="dimensions"/> columns.</param>
        /// <param name="rowCount">Its rows.</param>
        /// <param name="dimensions">Its columns.</param>
        /// <param name="ids">One for each row, which are copied; null for the positions.</param>
        /// <param name="codes">Also keeps a code of each row, as the constructor says.</param>
        public static VectorIndex Borrow(float* rows, long rowCount, int dimensions, long* ids = null, bool codes = false)
        {
            Check.Dimensions(dimensions);
            if (rowCount < 0)
                throw new ArgumentOutOfRangeException(nameof(rowCount), rowCount, "expected an integer ≥ 0");
            VectorIndex index = new VectorIndex();
            index.Create(rows, rowCount, dimensions, ids, Borrowed(codes));
            return index;
        }

        static uint Borrowed(bool codes)
        {
            return NativeMethods.HART_INDEX_BORROW_ROWS | (codes ? NativeMethods.HART_INDEX_CODES : 0);
        }

        void Create(float* rows, long rowCount, int dimensions, long* ids, uint flags)
        {
            HartIndex* index;
            HartIndexOptions options = new HartIndexOptions { size = (uint)sizeof(HartIndexOptions), flags = flags };
            Check.Status(NativeMethods.hart_index_create_f32(
                rows, (UIntPtr)(ulong)rowCount, (UIntPtr)dimensions, ids, &options, &index));
            SetHandle((IntPtr)index);
            LongCount = rowCount;
            Dimensions = dimensions;
        }

        /// <summary>Number of rows.</summary>
        /// <exception cref="OverflowException">There are more than an int holds; <see cref="LongCount"/> has them.</exception>
        public int Count => checked((int)LongCount);

        /// <summary>Number of rows.</summary>
        public long LongCount { get; private set; }

        /// <summary>Columns of every row.</summary>
        public int Dimensions { get; private set; }

        /// <inheritdoc/>
        public override bool IsInvalid => handle == IntPtr.Zero;

        /// <summary>
        /// The rows nearest to each query, nearest first: min(k, Count) for each, those of one query behind those of the one before.
        /// Equal distances are ordered by the smaller id, then by the position; NaN comes last.
        /// </summary>
        /// <param name="queries">One query or many, row-major.</param>
        /// <param name="k">Hits for each.</param>
        /// <param name="metric">What "near" means.</param>
        /// <param name="leftOut">One for each row, true for a row that the search leaves out; empty to search all. Count is then that of the rows that are left.</param>
        public Hit[] TopK(ReadOnlySpan<float> queries, int k, Metric metric, ReadOnlySpan<bool> leftOut = default)
        {
            UIntPtr count = Check.Rows(nameof(queries), queries.Length, Dimensions);
            long left = LongCount;
            if (!leftOut.IsEmpty)
            {
                if (leftOut.Length != LongCount)
                    throw new ArgumentException($"leftOut has {leftOut.Length} elements, but there are {LongCount} rows", nameof(leftOut));
                fixed (bool* flags = &MemoryMarshal.GetReference(leftOut))
                    for (int i = 0; i < leftOut.Length; i++)
                        left -= flags[i] ? 1 : 0;
            }
            Hit[] hits = Check.Hits((int)count, k, left);
            UIntPtr written;
            bool held = false;
            try
            {
                // The handle cannot be released by another thread while it is held.
                DangerousAddRef(ref held);
                fixed (float* queriesPointer = &MemoryMarshal.GetReference(queries))
                fixed (bool* leftOutPointer = &MemoryMarshal.GetReference(leftOut))
                fixed (Hit* hitsPointer = hits)
                    Check.Status(NativeMethods.hart_index_top_k_filtered_f32(
                        (HartIndex*)handle, queriesPointer, count, (UIntPtr)Dimensions, (UIntPtr)k, (int)metric,
                        leftOut.IsEmpty ? null : (byte*)leftOutPointer, (HartHit*)hitsPointer, (UIntPtr)hits.Length, &written));
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
            bool released = NativeMethods.hart_index_release(&index) == NativeMethods.HART_OK;
            pinned.Dispose();
            return released;
        }
    }
}
