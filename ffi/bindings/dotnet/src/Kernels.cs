using System;
using System.Collections.Generic;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Hart.Native
{
    /// <summary>The library, and every kernel by name.</summary>
    public static unsafe class Kernels
    {
        /// <summary>Version of the library.</summary>
        public static string Version => Capabilities(c => Text(c.version, 24));

        /// <summary>The instruction-set level in use; it never changes a result.</summary>
        public static string Level => Capabilities(c => Text(c.level, 16));

        /// <summary>Threads that large calls use; 0 is one for each processor. The number never changes a result.</summary>
        public static int Threads
        {
            get => Capabilities(c => (int)c.threads);
            set => Check.Status(NativeMethods.hart_set_threads(Check.Unsigned(nameof(Threads), value)));
        }

        /// <summary>
        /// Ends the library's threads and waits for them, and for the calls that use them. A later large call starts them anew; indexes stay.
        /// </summary>
        public static void Shutdown() => Check.Status(NativeMethods.hart_shutdown());

        /// <summary>Names of all kernels.</summary>
        public static IReadOnlyList<string> Names
        {
            get
            {
                string[] names = new string[Capabilities(c => (int)c.kernels)];
                for (int i = 0; i < names.Length; i++)
                    names[i] = Ask((buffer, capacity, needed) =>
                        NativeMethods.hart_kernel_name((UIntPtr)i, (byte*)buffer, capacity, (UIntPtr*)needed));
                return names;
            }
        }

        /// <summary>What a kernel takes and gives, as JSON.</summary>
        public static string Describe(string kernel)
        {
            byte[] name = Check.Utf8(kernel);
            return Ask((buffer, capacity, needed) =>
            {
                fixed (byte* pointer = name)
                    return NativeMethods.hart_kernel_describe(pointer, (byte*)buffer, capacity, (UIntPtr*)needed);
            });
        }

        /// <summary>
        /// Runs a kernel on a batch of the Arrow C data interface. The input is read and stays the caller's; the output is the caller's
        /// to import, or to give back with <see cref="Release"/>.
        /// </summary>
        /// <param name="kernel">Its name.</param>
        /// <param name="parameters">Values by name: whole numbers of any type, bool, float, double, string (also a vector as a JSON array), byte[], or float[] or
        /// double[] (a vector of the type that the parameter element says); null takes the default.</param>
        /// <param name="inputSchema">Points to a struct ArrowSchema; zero for a kernel without columns.</param>
        /// <param name="input">Points to a struct ArrowArray of type struct; zero for a kernel without columns.</param>
        /// <param name="outputSchema">Points to room for a struct ArrowSchema.</param>
        /// <param name="output">Points to room for a struct ArrowArray.</param>
        /// <param name="memoryLimit">Most bytes that the call may take beside its input; 0 is half of the memory that the process can have.</param>
        public static void Invoke(
            string kernel, IReadOnlyDictionary<string, object> parameters, IntPtr inputSchema, IntPtr input,
            IntPtr outputSchema, IntPtr output, ulong memoryLimit = 0)
        {
            HartInvokeOptions options = new HartInvokeOptions
            {
                size = (uint)sizeof(HartInvokeOptions),
                memory_limit = memoryLimit,
            };
            HartParam[] values = new HartParam[parameters == null ? 0 : parameters.Count];
            List<GCHandle> pinned = new List<GCHandle>();
            try
            {
                int i = 0;
                if (parameters != null)
                    foreach (KeyValuePair<string, object> parameter in parameters)
                        values[i++] = Parameter(parameter.Key, parameter.Value, pinned);
                fixed (byte* name = Check.Utf8(kernel))
                fixed (HartParam* valuesPointer = values)
                    Check.Status(NativeMethods.hart_invoke(
                        name, (ArrowSchema*)inputSchema, (ArrowArray*)input, valuesPointer, (UIntPtr)values.Length, &options,
                        (ArrowSchema*)outputSchema, (ArrowArray*)output));
            }
            finally
            {
                foreach (GCHandle handle in pinned)
                    handle.Free();
            }
        }

        /// <summary>Releases a batch that <see cref="Invoke"/> gave, or any other; what is released already, or zero, is left alone.</summary>
        /// <param name="schema">Points to a struct ArrowSchema.</param>
        /// <param name="array">Points to a struct ArrowArray.</param>
        public static void Release(IntPtr schema, IntPtr array) =>
            Check.Status(NativeMethods.hart_arrow_release((ArrowSchema*)schema, (ArrowArray*)array));

        static HartParam Parameter(string name, object value, List<GCHandle> pinned)
        {
            HartParam made = new HartParam
            {
                size = (uint)sizeof(HartParam),
                kind = NativeMethods.HART_PARAM_NULL,
                name = (byte*)Pin(Check.Utf8(name), pinned),
            };
            if (value == null)
                return made;
            if (value is string || value is byte[] || value is float[] || value is double[])
            {
                Array data = value is string ? Encoding.UTF8.GetBytes((string)value) : (Array)value;
                made.kind = value is string ? NativeMethods.HART_PARAM_TEXT : NativeMethods.HART_PARAM_BYTES;
                made.data = (void*)Pin(data, pinned);
                made.length = (UIntPtr)Buffer.ByteLength(data);
            }
            else if (value is double || value is float)
            {
                made.kind = NativeMethods.HART_PARAM_NUMBER;
                made.number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
            }
            else if (value is bool || value is sbyte || value is byte || value is short || value is ushort || value is int
                || value is uint || value is long || value is ulong)
            {
                made.kind = NativeMethods.HART_PARAM_INTEGER;
                // Beyond 2⁶³ − 1 this throws.
                made.integer = Convert.ToInt64(value, CultureInfo.InvariantCulture);
            }
            else
            {
                throw new ArgumentException($"{name} is a {value.GetType()}, which is no value of a parameter", name);
            }
            return made;
        }

        static IntPtr Pin(Array array, List<GCHandle> pinned)
        {
            GCHandle handle = GCHandle.Alloc(array, GCHandleType.Pinned);
            pinned.Add(handle);
            return handle.AddrOfPinnedObject();
        }

        delegate T Reader<T>(HartCapabilities capabilities);

        static T Capabilities<T>(Reader<T> read)
        {
            HartCapabilities capabilities = new HartCapabilities { size = (uint)sizeof(HartCapabilities) };
            Check.Status(NativeMethods.hart_capabilities(&capabilities));
            return read(capabilities);
        }

        static string Text(byte* field, int size)
        {
            int length = 0;
            while (length < size && field[length] != 0)
                length++;
            return Encoding.UTF8.GetString(field, length);
        }

        delegate int Writer(IntPtr buffer, UIntPtr capacity, IntPtr needed);

        static string Ask(Writer write)
        {
            UIntPtr needed;
            Check.Status(write(IntPtr.Zero, UIntPtr.Zero, (IntPtr)(&needed)));
            byte[] text = new byte[(int)needed];
            fixed (byte* pointer = text)
                Check.Status(write((IntPtr)pointer, (UIntPtr)text.Length, (IntPtr)(&needed)));
            return Encoding.UTF8.GetString(text, 0, text.Length - 1);
        }
    }
}
