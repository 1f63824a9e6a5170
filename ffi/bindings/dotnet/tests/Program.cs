using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Hart.Native;

/// <summary>The checks of the .NET layer: Program.exe check, or Program.exe results FILE.</summary>
static class Program
{
    static int failures;

    static void Expect(bool condition, string what)
    {
        if (!condition)
        {
            failures++;
            Console.Error.WriteLine("failed: " + what);
        }
    }

    static void Throws<T>(Action action, string part) where T : Exception
    {
        try
        {
            action();
            Expect(false, "an exception that says " + part);
        }
        catch (T e)
        {
            Expect(e.Message.Contains(part), $"{part} in: {e.Message}");
        }
    }

    static void Checks()
    {
        float[] a = { 1, 2, 3 }, b = { 4, 5, 6 }, three = new float[3];
        Expect(Vectors.DotProduct(a, b) == 32, "a dot product");
        Expect(Vectors.DotProduct(default(ReadOnlySpan<float>), default(ReadOnlySpan<float>)) == 0, "an empty dot product");
        Vectors.Lerp(a, b, 1.0, three);
        Expect(three[2] == 6, "a lerp");
        Throws<ArgumentException>(() => Vectors.DotProduct(a, new float[2]), "b has 2 elements, but a has 3");
        Throws<ArgumentException>(() => Vectors.NormBatch(a, 2, new double[2]), "no multiple of 2");
        Throws<ArgumentOutOfRangeException>(() => Vectors.NormBatch(a, 0, new double[2]), "dimensions");
        Throws<HartException>(() => Vectors.Normalize(a.AsSpan(0, 2), a.AsSpan(1, 2)), "overlap");
        float[] replaced = { 3, 4 };
        Vectors.Normalize(replaced, replaced);
        Expect(replaced[0] == 0.6f && replaced[1] == 0.8f, "a result that replaces its argument");
        Throws<HartException>(() => Vectors.Scale(a, double.NaN, three), "factor");
        Throws<HartException>(() => Vectors.Distance(a, b, (Metric)7), "metric");
        Throws<HartException>(() => Tensors.PayloadElements("q9_9", new byte[1]), "q9_9");
        Throws<HartException>(() => Kernels.Describe("vector_nrom"), "vector_norm");

        float[] rows = { 1, 0, 0, 1, 0.6f, 0.8f };
        Hit[] once = Vectors.TopK(rows, 2, new float[] { 1, 0, 0, 1 }, 2, Metric.Cosine, new long[] { 10, 11, 12 });
        Expect(once.Length == 4 && once[0].Id == 10 && once[1].Id == 12 && once[2].Id == 11 && once[2].Row == 1, "one search");
        Throws<ArgumentException>(() => Vectors.TopK(rows, 2, rows, 1, Metric.Cosine, new long[2]), "ids has 2 elements");
        Throws<ArgumentOutOfRangeException>(() => Vectors.TopK(rows, 2, rows, 0, Metric.Cosine), "k");
        byte[] point = new byte[38];
        double[] one = { 1 }, seven = { 7 };
        Expect(Space.EncodePoints(one, one, one, seven, 0, false, point) == 38 && point[5] == 0x0f, "a point with z and m");
        Expect(BitConverter.ToDouble(point, 30) == 7, "m");
        Expect(Space.EncodePoints(one, one, default(ReadOnlySpan<double>), seven, 0, false, point) == 30 && point[5] == 0x0e, "m alone");
        Throws<HartException>(() => Space.EncodePoints(one, one, one, seven, 0, true, point), "srid is 0; expected one for the globe");
        VectorIndex index = new VectorIndex(rows, 2);
        Hit[] hits = index.TopK(new float[] { 1, 0 }, 2, Metric.Cosine);
        Expect(hits.Length == 2 && hits[0].Id == 0 && hits[1].Id == 2, "the nearest rows");
        Throws<ArgumentException>(() => index.TopK(new float[3], 1, Metric.Cosine), "no multiple of 2");
        Parallel.For(0, 200, i => Expect(index.TopK(rows, 1, Metric.Dot).Length == 3, "a search among threads"));
        index.Dispose();
        Throws<ObjectDisposedException>(() => index.TopK(rows, 1, Metric.Dot), "");

        Borrowed(rows);

        double[] values = new double[2];
        float[] u = new float[4], v = new float[4];
        Expect(Tensors.Svd(new float[] { 0, 3, 4, 0 }, 2, 2, values, u, v) == 2, "two components");
        Expect(Math.Abs(values[0] - 4) < 1e-12 && Math.Abs(values[1] - 3) < 1e-12, "singular values");
        Expect(Tensors.SvdRandomized(new float[] { 0, 3, 4, 0 }, 2, 2, ulong.MaxValue, values, u, v) == 2, "two sampled components");
        Expect(Math.Abs(values[0] - 4) < 1e-12 && Math.Abs(values[1] - 3) < 1e-12, "sampled singular values");

        Expect(Kernels.Names.Count > 50, "a list of kernels");
        foreach (string name in Kernels.Names)
            Expect(Kernels.Describe(name).Contains("\"" + name + "\""), "a description of " + name);
        Kernels.Threads = 1;
        Expect(Kernels.Threads == 1, "the number of threads");
        Kernels.Threads = 0;
        Throws<ArgumentOutOfRangeException>(() => Kernels.Threads = -1, "-1");
        Throws<ArgumentOutOfRangeException>(
            () => Space.Hilbert(new double[1], new double[1], new double[1], new double[3], new double[3], -3, false, new long[1]), "-3");
        Throws<ArgumentNullException>(() => Kernels.Describe(null), "");
        Throws<NotSupportedException>(() => Check.Version(NativeMethods.HART_ABI_VERSION - 1), "interface version " + (NativeMethods.HART_ABI_VERSION - 1));
        Check.Version(NativeMethods.HART_ABI_VERSION + 1);
        // Threads end and come back.
        float[] large = new float[1 << 20];
        double[] norms = new double[1 << 10];
        for (int round = 0; round < 2; round++)
        {
            Vectors.NormBatch(large, 1 << 10, norms);
            Kernels.Shutdown();
        }
        Columns();
        Expect(Kernels.Version.Length > 0 && Kernels.Level.Length > 0, "a version and a level");
    }

    /// <summary>An index over rows that stay the caller's.</summary>
    static unsafe void Borrowed(float[] rows)
    {
        float[] own = (float[])rows.Clone();
        using (VectorIndex index = VectorIndex.Borrow(own, 2, new long[] { 10, 11, 12 }))
        {
            Expect(index.Count == 3 && index.LongCount == 3 && index.Dimensions == 2, "the shape of a borrowing index");
            Expect(index.TopK(new float[] { 0, 1 }, 1, Metric.Cosine)[0].Id == 11, "a search in borrowed rows");
            GC.Collect();
            // Not what is promised, but what shows that nothing was copied.
            own[0] = 0;
            own[1] = 1;
            Expect(index.TopK(new float[] { 0, 1 }, 1, Metric.Cosine)[0].Id == 10, "rows where they lie");
        }
        using (VectorIndex index = new VectorIndex(rows, 2, codes: true))
        {
            Expect(index.TopK(new float[] { 0, 1 }, 1, Metric.Cosine)[0].Row == 1, "a search with codes");
            Hit[] left = index.TopK(new float[] { 0, 1 }, 3, Metric.Cosine, new bool[] { false, true, false });
            Expect(left.Length == 2 && left[0].Row == 2 && left[1].Row == 0, "a search without a row");
            Expect(index.TopK(rows, 3, Metric.Dot, new bool[] { true, true, true }).Length == 0, "a search without any row");
            Throws<ArgumentException>(() => index.TopK(rows, 1, Metric.Dot, new bool[2]), "leftOut has 2 elements, but there are 3 rows");
        }
        fixed (float* pointer = rows)
        using (VectorIndex index = VectorIndex.Borrow(pointer, 3, 2))
            Expect(index.TopK(new float[] { 0, 1 }, 5, Metric.Cosine).Length == 3, "a search behind a pointer");
        Throws<ArgumentOutOfRangeException>(() => VectorIndex.Borrow(null, -1, 2), "rowCount");
        Throws<HartException>(() => VectorIndex.Borrow(null, 1, 2), "rows is NULL");
        Throws<ArgumentException>(() => VectorIndex.Borrow(own, 4), "no multiple of 4");
    }

    /// <summary>A batch comes without one, is released, and may be released again.</summary>
    static unsafe void Columns()
    {
        ArrowSchema schema;
        ArrowArray output;
        Kernels.Invoke("system_info", null, IntPtr.Zero, IntPtr.Zero, (IntPtr)(&schema), (IntPtr)(&output));
        Expect(output.length > 0 && output.n_children == schema.n_children, "columns of system_info");
        for (int i = 0; i < 2; i++)
        {
            Kernels.Release((IntPtr)(&schema), (IntPtr)(&output));
            Expect(schema.release == null && output.release == null, "a released batch");
        }
        Kernels.Release(IntPtr.Zero, IntPtr.Zero);

        // Doubles as a column and as a parameter, which singles would not tell apart.
        double[] vectors = { 1 + 1e-12, 0, 1, 0 };
        using (Batch batch = new Batch(2))
        {
            batch.Longs("id", new long[] { 7, 8 });
            batch.Vectors("v", vectors, 2, null);
            Dictionary<string, object> parameters = new Dictionary<string, object>
            {
                { "query", new double[] { 1 + 1e-12, 0 } }, { "k", 1u }, { "metric", "euclidean" }, { "element", "f64" },
            };
            batch.Run("vector_top_k", parameters, &schema, &output);
            Expect(((long*)output.children[2]->buffers[1])[0] == 7, "the nearest of two doubles");
            Expect(((double*)output.children[3]->buffers[1])[0] == 0, "a distance of doubles");
            Kernels.Release((IntPtr)(&schema), (IntPtr)(&output));
        }
        using (Batch batch = new Batch(2))
        {
            batch.Longs("id", new long[] { 7, 8 });
            batch.Vectors("v", new float[] { 3, 4, 5, 12 }, 2, null);
            try
            {
                batch.Run("vector_normalize", null, &schema, &output, 15);
                Expect(false, "a result beyond the memory limit");
            }
            catch (HartException e)
            {
                Expect(e.Message.Contains("15"), "the limit in: " + e.Message);
            }
            batch.Run("vector_normalize", null, &schema, &output, 1 << 20);
            Expect(output.length == 2, "a result within the memory limit");
            Kernels.Release((IntPtr)(&schema), (IntPtr)(&output));
        }
    }

    static int Main(string[] arguments)
    {
        if (arguments.Length == 2 && arguments[0] == "results")
            Results.Write(arguments[1]);
        else
            Checks();
        if (failures == 0)
            Console.WriteLine(".net: ok");
        return failures;
    }
}
