using System;
using System.Text;

namespace Hart.Native
{
    /// <summary>A call that failed.</summary>
    public sealed class HartException : Exception
    {
        internal HartException(int status, string message) : base(message)
        {
            Status = status;
        }

        /// <summary>One of HART_STATUS_… of hart.h.</summary>
        public int Status { get; }
    }

    internal static unsafe class Check
    {
        /// <summary>Throws where a call has failed; the text is of the calling thread.</summary>
        internal static void Status(int status)
        {
            if (status != NativeMethods.HART_OK)
                throw Failure(status);
        }

        static HartException Failure(int status)
        {
            byte[] text = new byte[(int)NativeMethods.hart_last_error(null, UIntPtr.Zero)];
            fixed (byte* pointer = text)
                NativeMethods.hart_last_error(pointer, (UIntPtr)text.Length);
            return new HartException(status, Encoding.UTF8.GetString(text, 0, text.Length - 1));
        }

        internal static void Dimensions(int dimensions)
        {
            if (dimensions < 1)
                throw new ArgumentOutOfRangeException(nameof(dimensions), dimensions, "expected an integer ≥ 1");
        }

        internal static void Same(string name, int length, string other, int expected)
        {
            if (length != expected)
                throw new ArgumentException($"{name} has {length} elements, but {other} has {expected}", name);
        }

        /// <summary>Rows of a matrix that must be whole.</summary>
        internal static UIntPtr Rows(string name, int length, int dimensions)
        {
            if (length % dimensions != 0)
                throw new ArgumentException($"{name} has {length} elements, which is no multiple of {dimensions}", name);
            return (UIntPtr)(length / dimensions);
        }

        internal static byte[] Utf8(string text)
        {
            if (text.IndexOf('\0') >= 0)
                throw new ArgumentException("a name cannot hold a zero character");
            return Encoding.UTF8.GetBytes(text + "\0");
        }
    }
}
