using System;
using System.Runtime.InteropServices;

namespace Hart.Native
{
    /// <summary>Kernels of space.</summary>
    public static unsafe class Space
    {
        /// <summary>Coordinates of vectors on a basis (the bytes that the kernel spatial_fit gives), rows × axes; returns the axes.</summary>
        public static int Project(ReadOnlySpan<byte> basis, ReadOnlySpan<float> rows, int dimensions, Span<double> coordinates)
        {
            Check.Dimensions(dimensions);
            UIntPtr count = Check.Rows(nameof(rows), rows.Length, dimensions);
            UIntPtr axes;
            fixed (byte* basisPointer = &MemoryMarshal.GetReference(basis))
            fixed (float* rowsPointer = &MemoryMarshal.GetReference(rows))
            fixed (double* result = &MemoryMarshal.GetReference(coordinates))
                Check.Status(NativeMethods.hart_spatial_project_f32(
                    basisPointer, (UIntPtr)basis.Length, rowsPointer, count, (UIntPtr)dimensions, result,
                    (UIntPtr)coordinates.Length, &axes));
            return (int)axes;
        }

        /// <summary>Keys on Skilling's Hilbert curve through a box of 2^bits cells along each axis.</summary>
        /// <param name="x">X of each point.</param>
        /// <param name="y">Y of each point.</param>
        /// <param name="z">Z of each point.</param>
        /// <param name="minimum">The lower corner of the box, three numbers.</param>
        /// <param name="maximum">The upper corner, three numbers.</param>
        /// <param name="bits">1 to 21.</param>
        /// <param name="clamp">Points outside get the cell at the edge instead of an error.</param>
        /// <param name="keys">One for each point.</param>
        public static void Hilbert(
            ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> z, ReadOnlySpan<double> minimum,
            ReadOnlySpan<double> maximum, int bits, bool clamp, Span<long> keys)
        {
            Check.Same(nameof(y), y.Length, nameof(x), x.Length);
            Check.Same(nameof(z), z.Length, nameof(x), x.Length);
            Check.Same(nameof(keys), keys.Length, nameof(x), x.Length);
            Check.Same(nameof(minimum), minimum.Length, "a corner", 3);
            Check.Same(nameof(maximum), maximum.Length, "a corner", 3);
            fixed (double* xPointer = &MemoryMarshal.GetReference(x))
            fixed (double* yPointer = &MemoryMarshal.GetReference(y))
            fixed (double* zPointer = &MemoryMarshal.GetReference(z))
            fixed (double* low = &MemoryMarshal.GetReference(minimum))
            fixed (double* high = &MemoryMarshal.GetReference(maximum))
            fixed (long* keysPointer = &MemoryMarshal.GetReference(keys))
                Check.Status(NativeMethods.hart_spatial_hilbert(
                    xPointer, yPointer, zPointer, (UIntPtr)x.Length, low, high, Check.Unsigned(nameof(bits), bits),
                    clamp ? NativeMethods.HART_OUTSIDE_CLAMP : NativeMethods.HART_OUTSIDE_ERROR, keysPointer));
        }

        /// <summary>
        /// Points as SQL Server stores them in geometry, or in geography (x is the longitude): 22 bytes each, 8 more for z, 8 more for m;
        /// empty ones are none. Returns the bytes of each point.
        /// </summary>
        public static int EncodePoints(
            ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> z, ReadOnlySpan<double> m, int srid, bool geography,
            Span<byte> result)
        {
            Check.Same(nameof(y), y.Length, nameof(x), x.Length);
            if (!z.IsEmpty)
                Check.Same(nameof(z), z.Length, nameof(x), x.Length);
            if (!m.IsEmpty)
                Check.Same(nameof(m), m.Length, nameof(x), x.Length);
            UIntPtr stride;
            fixed (double* xPointer = &MemoryMarshal.GetReference(x))
            fixed (double* yPointer = &MemoryMarshal.GetReference(y))
            fixed (double* zPointer = &MemoryMarshal.GetReference(z))
            fixed (double* mPointer = &MemoryMarshal.GetReference(m))
            fixed (byte* resultPointer = &MemoryMarshal.GetReference(result))
                Check.Status(NativeMethods.hart_spatial_encode_points(
                    xPointer, yPointer, z.IsEmpty ? null : zPointer, m.IsEmpty ? null : mPointer, (UIntPtr)x.Length, srid,
                    geography ? NativeMethods.HART_SPATIAL_GEOGRAPHY : NativeMethods.HART_SPATIAL_GEOMETRY, resultPointer,
                    (UIntPtr)result.Length, &stride));
            return (int)stride;
        }
    }
}
