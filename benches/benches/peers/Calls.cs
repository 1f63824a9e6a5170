// Calls of the C library through the .NET layer, as c_calls.c makes them.
using System;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Hart.Native;

static class Calls
{
    const int N = 1998, Rows = 20000;

    [DllImport("hart_direct")]
    static extern unsafe double hart_direct(float* rows, UIntPtr count, UIntPtr n, double* result, ulong times);

    static unsafe double Direct(float[] rows, int count, double[] result, long times)
    {
        fixed (float* r = rows)
        fixed (double* o = result)
            return hart_direct(r, (UIntPtr)count, (UIntPtr)N, o, (ulong)times);
    }

    static void Main()
    {
        float[] rows = new float[N * Rows];
        double[] result = new double[Rows];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = ((int)((long)i * 37 % 1009) - 504) / 64.0f;
        double dot = Vectors.DotProduct(rows.AsSpan(0, N), rows.AsSpan(N, N));
        Console.WriteLine(BitConverter.DoubleToInt64Bits(dot).ToString("x16"));
        for (string line = Console.ReadLine(); line != null; line = Console.ReadLine())
        {
            string[] words = line.Split(' ');
            long times = long.Parse(words[0], CultureInfo.InvariantCulture);
            int count = int.Parse(words[1], CultureInfo.InvariantCulture);
            if (words[2] == "0")
            {
                Console.WriteLine(Direct(rows, count, result, times).ToString("F9", CultureInfo.InvariantCulture));
                continue;
            }
            Stopwatch watch = Stopwatch.StartNew();
            for (long i = 0; i < times; i++)
                if (count == 0)
                    dot = Vectors.DotProduct(rows.AsSpan(0, N), rows.AsSpan(N, N));
                else
                    Vectors.CosineSimilarityBatch(rows.AsSpan(0, count * N), rows.AsSpan(0, N), N, result.AsSpan(0, count));
            Console.WriteLine(watch.Elapsed.TotalSeconds.ToString("F9", CultureInfo.InvariantCulture));
        }
    }
}
