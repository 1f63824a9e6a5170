using System;
using Hart.Native;

/// <summary>An application that has Hart.Native as a package: what the README shows, by the public interface alone.</summary>
static class Program
{
    static int Main()
    {
        float[] a = { 1, 2, 3 }, rows = { 1, 2, 3, 3, 2, 1, -1, -2, -3 };
        var norms = new double[3];
        Vectors.NormBatch(rows, dimensions: 3, norms);
        Hit[] once = Vectors.TopK(rows, dimensions: 3, a, k: 2, Metric.Cosine);
        using (var index = new VectorIndex(rows, dimensions: 3, new long[] { 10, 20, 30 }))
        {
            Hit[] nearest = index.TopK(a, k: 2, Metric.Cosine);
            bool right = Vectors.CosineSimilarity(a, a) == 1 && norms[0] == Math.Sqrt(14) && once[1].Row == 1 && nearest[1].Id == 20;
            Console.WriteLine(right ? "package: ok" : "package: wrong answers");
            return right ? 0 : 1;
        }
    }
}
