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
        /// <summary>Whether the library that is loaded is known to have the interface that these sources are for.</summary>
        static bool current;

        /// <summary>
        /// Throws where a call has failed; the text is of the calling thread. Every call comes by here before its result goes anywhere, so
        /// this is also where an older library is refused.
        /// </summary>
        internal static void Status(int status)
        {
            if (!current)
            {
                Version(NativeMethods.hart_abi_version());
                current = true;
            }
            if (status != NativeMethods.HART_OK)
                throw Failure(status);
        }

        internal static void Version(uint found)
        {
            if (found < NativeMethods.HART_ABI_VERSION)
                throw new NotSupportedException(
                    $"the library hart_native has interface version {found}; Hart.Native needs {NativeMethods.HART_ABI_VERSION} or later");
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

        /// <summary>A number that C has without a sign; what it means is for the library to judge.</summary>
        internal static uint Unsigned(string name, int value)
        {
            if (value < 0)
                throw new ArgumentOutOfRangeException(name, value, "expected an integer ≥ 0");
            return (uint)value;
        }

        internal static void Same(string name, int length, string other, int expected)
        {
            if (length != expected)
                throw new ArgumentException($"{name} has {length} elements, but {other} has {expected}", name);
        }

        /// <summary>None, or one for each row.</summary>
        internal static void Ids(int length, int rows)
        {
            if (length != 0)
                Same("ids", length, "the rows", rows);
        }

        /// <summary>Room for the hits of a search.</summary>
        internal static Hit[] Hits(int queries, int k, long rows)
        {
            if (k < 1)
                throw new ArgumentOutOfRangeException(nameof(k), k, "expected an integer ≥ 1");
            return new Hit[checked(queries * Math.Min(k, rows))];
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
            if (text == null)
                throw new ArgumentNullException(nameof(text));
            if (text.IndexOf('\0') >= 0)
                throw new ArgumentException("a name cannot hold a zero character");
            return Encoding.UTF8.GetBytes(text + "\0");
        }
    }
}
