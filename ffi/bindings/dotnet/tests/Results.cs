using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using Hart.Native;

/// <summary>Writes the file of results as ffi/tests/c/results.c does.</summary>
static unsafe class Results
{
    static readonly StringBuilder File = new StringBuilder();
    static readonly Metric[] Metrics = { Metric.Cosine, Metric.Euclidean, Metric.Dot, Metric.Manhattan };

    static void Line(string name, long n, ulong result)
    {
        File.Append(name).Append(' ').Append(n).Append(' ').Append(result.ToString("x16")).Append('\n');
    }

    static ulong Bits(double value)
    {
        return (ulong)BitConverter.DoubleToInt64Bits(value);
    }

    static ulong Hash<T>(T[] values) where T : struct
    {
        ulong h = 14695981039346656037;
        // An array: Mono's compiler writes a span's enumerator as .NET does not know it.
        foreach (byte b in MemoryMarshal.AsBytes(values.AsSpan()).ToArray())
            h = unchecked((h ^ b) * 1099511628211);
        return h;
    }

    static uint Mixed(uint seed, uint i)
    {
        unchecked
        {
            uint x = i * 2654435761u + seed * 40503u + 12345u;
            x ^= x >> 15;
            x *= 2246822519u;
            return x ^ (x >> 13);
        }
    }

    static float Value(uint seed, int i)
    {
        return ((int)(Mixed(seed, (uint)i) >> 8) - 8388608) / 1048576.0f;
    }

    static float[] Vector(uint seed, int n)
    {
        float[] v = new float[n];
        for (int i = 0; i < n; i++)
            v[i] = Value(seed, i);
        return v;
    }

    static void Single(float[] a, float[] b)
    {
        int n = a.Length;
        float[] result = new float[n];
        Line("dot_product", n, Bits(Vectors.DotProduct(a, b)));
        Line("cosine_similarity", n, Bits(Vectors.CosineSimilarity(a, b)));
        Line("euclidean_distance", n, Bits(Vectors.EuclideanDistance(a, b)));
        foreach (Metric metric in Metrics)
            Line(metric.ToString().ToLowerInvariant(), n, Bits(Vectors.Distance(a, b, metric)));
        Line("norm", n, Bits(Vectors.Norm(a)));
        Line("arg_max", n, (ulong)Vectors.ArgMax(a));
        Vectors.Add(a, b, result);
        Line("add", n, Hash(result));
        Vectors.Subtract(a, b, result);
        Line("subtract", n, Hash(result));
        Vectors.Scale(a, 1.5, result);
        Line("scale", n, Hash(result));
        Vectors.Lerp(a, b, 0.25, result);
        Line("lerp", n, Hash(result));
        Vectors.Normalize(a, result);
        Line("normalize", n, Hash(result));
        Vectors.Softmax(a, result);
        Line("softmax", n, Hash(result));
    }

    static void Singles()
    {
        foreach (int n in new[] { 0, 1, 2, 31, 32, 33, 64, 384, 1000, 1998 })
            Single(Vector(1, n), Vector(2, n));
        float[] a = Vector(1, 35);
        fixed (float* pointer = a)
            ((uint*)pointer)[1] = 0xffc00001;
        Single(a, Vector(2, 35));
    }

    static void Batches(int rows, int n)
    {
        float[] a = Vector(3, rows * n), b = Vector(4, rows * n), result = new float[rows * n];
        double[] numbers = new double[rows];
        Vectors.DotProductBatch(a, b, n, numbers);
        Line("dot_product_batch", rows, Hash(numbers));
        Vectors.CosineSimilarityBatch(a, b.AsSpan(0, n), n, numbers);
        Line("cosine_similarity_batch", rows, Hash(numbers));
        Vectors.NormBatch(a, n, numbers);
        Line("norm_batch", rows, Hash(numbers));
        Vectors.AddBatch(a, b, n, result);
        Line("add_batch", rows, Hash(result));
        Vectors.SoftmaxBatch(a, n, result);
        Line("softmax_batch", rows, Hash(result));
    }

    static void Searches(int rows, int n)
    {
        float[] a = Vector(5, rows * n), queries = Vector(6, 3 * n);
        long[] ids = new long[rows];
        for (int i = 0; i < rows; i++)
            ids[i] = (long)i * 7 % 1009;
        using (VectorIndex index = new VectorIndex(a, n, ids, codes: true))
            foreach (Metric metric in Metrics)
            {
                Hit[] hits = index.TopK(queries, 4, metric);
                for (int i = 0; i < hits.Length; i++)
                {
                    Line("top_k_id", i, (ulong)hits[i].Id);
                    Line("top_k_row", i, hits[i].Row);
                    Line("top_k_distance", i, Bits(hits[i].Distance));
                }
                Line("index_top_k", hits.Length, Bits(hits[hits.Length - 1].Distance));
            }
    }

    static void Payload(string name, int bytes)
    {
        byte[] payload = new byte[bytes * 300];
        for (int i = 0; i < payload.Length; i++)
            payload[i] = (byte)(Mixed(7, (uint)i) >> 24);
        float[] result = new float[Tensors.PayloadElements(name, payload)];
        Tensors.DecodePayload(name, payload, result);
        Line(name, result.Length, Hash(result));
    }

    static void Spaces()
    {
        const int n = 500;
        double[][] points = new double[3][];
        for (int axis = 0; axis < 3; axis++)
            points[axis] = Array.ConvertAll(Vector((uint)(10 + axis), n), value => (double)value);
        long[] keys = new long[n];
        Space.Hilbert(points[0], points[1], points[2], new double[] { -8, -8, -8 }, new double[] { 8, 8, 8 }, 21, false, keys);
        Line("hilbert", n, Hash(keys));
        byte[] bytes = new byte[n * 30];
        Space.EncodePoints(points[0], points[1], points[2], default(ReadOnlySpan<double>), 4326, false, bytes);
        Line("encode_points", n, Hash(bytes));
    }

    static void Projections(int axes)
    {
        const int rows = 70, n = 384, column = 12;
        float[] vectors = Vector(13, rows * n);
        long[] ids = new long[rows];
        for (int i = 0; i < rows; i++)
            ids[i] = i;
        ArrowSchema schema;
        ArrowArray output;
        using (Batch batch = new Batch(rows))
        {
            batch.Longs("id", ids);
            batch.Vectors("v", vectors, n, null);
            Dictionary<string, object> parameters = new Dictionary<string, object>
            {
                { "kind", "random" }, { "axes", axes }, { "seed", 5 },
            };
            batch.Run("spatial_fit", parameters, &schema, &output);
        }
        long* places = (long*)output.children[column]->buffers[1];
        byte* start = (byte*)output.children[column]->buffers[2] + places[0];
        byte[] basis = new ReadOnlySpan<byte>(start, (int)(places[1] - places[0])).ToArray();
        Kernels.Release((IntPtr)(&schema), (IntPtr)(&output));
        Line("basis", axes, Hash(basis));
        double[] coordinates = new double[rows * axes];
        Space.Project(basis, vectors, n, coordinates);
        Line("project", axes, Hash(coordinates));
    }

    static bool IsValid(ArrowArray* column, int i)
    {
        byte* bits = (byte*)column->buffers[0];
        return bits == null || (bits[i / 8] >> (i % 8) & 1) != 0;
    }

    static void Invokes()
    {
        const int rows = 11, n = 50;
        float[] a = Vector(8, rows * n), b = Vector(9, rows * n);
        long[] ids = new long[rows];
        for (int i = 0; i < rows; i++)
            ids[i] = 100 - i;
        ArrowSchema schema;
        ArrowArray output;
        using (Batch batch = new Batch(rows))
        {
            batch.Longs("id", ids);
            batch.Vectors("a", a, n, null);
            batch.Vectors("b", b, n, new byte[] { 0xef, 0x07 });
            batch.Run("vector_cosine_similarity", null, &schema, &output);
        }
        for (int i = 0; i < rows; i++)
        {
            Line("invoke_id", i, (ulong)((long*)output.children[0]->buffers[1])[i]);
            bool there = IsValid(output.children[1], i);
            Line(there ? "invoke_cosine_similarity" : "invoke_null", i,
                there ? Bits(((double*)output.children[1]->buffers[1])[i]) : 0);
        }
        Kernels.Release((IntPtr)(&schema), (IntPtr)(&output));
        using (Batch batch = new Batch(rows))
        {
            batch.Longs("id", ids);
            batch.Vectors("v", a, n, null);
            Dictionary<string, object> parameters = new Dictionary<string, object>
            {
                { "query", b.AsSpan(0, n).ToArray() }, { "k", 3 }, { "metric", "dot" },
            };
            batch.Run("vector_top_k", parameters, &schema, &output);
        }
        for (int i = 0; i < output.length; i++)
        {
            Line("invoke_top_k_id", i, (ulong)((long*)output.children[2]->buffers[1])[i]);
            Line("invoke_top_k_distance", i, Bits(((double*)output.children[3]->buffers[1])[i]));
        }
        Kernels.Release((IntPtr)(&schema), (IntPtr)(&output));
        try
        {
            Kernels.Invoke("vector_nrom", null, IntPtr.Zero, IntPtr.Zero, (IntPtr)(&schema), (IntPtr)(&output));
        }
        catch (HartException e)
        {
            File.Append(e.Message).Append('\n');
        }
    }

    internal static void Write(string path)
    {
        Singles();
        Batches(1000, 96);
        Batches(6000, 384);
        Searches(3000, 100);
        Payload("f16", 2);
        Payload("q8_0", 34);
        Payload("q4_0", 18);
        Payload("q5_1", 24);
        Payload("q4_k", 144);
        Payload("q6_k", 210);
        Spaces();
        Projections(3);
        Projections(40);
        Invokes();
        System.IO.File.WriteAllBytes(path, Encoding.UTF8.GetBytes(File.ToString()));
    }
}
