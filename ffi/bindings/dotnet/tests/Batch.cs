using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using Hart.Native;

/// <summary>A record batch of the Arrow C data interface over pinned arrays, as Apache.Arrow's exporter makes them.</summary>
sealed unsafe class Batch : IDisposable
{
    delegate void Release(IntPtr structure);

    // The structures own nothing; a released one is marked by a missing callback.
    static readonly Release ReleaseSchema = structure => ((ArrowSchema*)structure)->release = null;
    static readonly Release ReleaseArray = structure => ((ArrowArray*)structure)->release = null;

    readonly List<GCHandle> pinned = new List<GCHandle>();
    readonly List<IntPtr> schemas = new List<IntPtr>(), arrays = new List<IntPtr>(), taken = new List<IntPtr>();
    readonly int rows;

    internal Batch(int rows)
    {
        this.rows = rows;
    }

    void* Pin(Array array)
    {
        GCHandle handle = GCHandle.Alloc(array, GCHandleType.Pinned);
        pinned.Add(handle);
        return (void*)handle.AddrOfPinnedObject();
    }

    void* Take(int bytes)
    {
        IntPtr memory = Marshal.AllocHGlobal(bytes);
        taken.Add(memory);
        new Span<byte>((void*)memory, bytes).Clear();
        return (void*)memory;
    }

    ArrowSchema* Schema(string format, string name, params IntPtr[] children)
    {
        ArrowSchema* schema = (ArrowSchema*)Take(sizeof(ArrowSchema));
        schema->format = (byte*)Pin(Encoding.UTF8.GetBytes(format + "\0"));
        schema->name = (byte*)Pin(Encoding.UTF8.GetBytes(name + "\0"));
        schema->flags = 2;
        schema->n_children = children.Length;
        schema->children = (ArrowSchema**)Pin(children);
        schema->release = (void*)Marshal.GetFunctionPointerForDelegate(ReleaseSchema);
        return schema;
    }

    ArrowArray* Column(long length, IntPtr[] children, params IntPtr[] buffers)
    {
        ArrowArray* array = (ArrowArray*)Take(sizeof(ArrowArray));
        array->length = length;
        array->null_count = buffers[0] == IntPtr.Zero ? 0 : -1;
        array->n_buffers = buffers.Length;
        array->buffers = (void**)Pin(buffers);
        array->n_children = children.Length;
        array->children = (ArrowArray**)Pin(children);
        array->release = (void*)Marshal.GetFunctionPointerForDelegate(ReleaseArray);
        return array;
    }

    internal void Longs(string name, long[] values)
    {
        schemas.Add((IntPtr)Schema("l", name));
        arrays.Add((IntPtr)Column(rows, new IntPtr[0], IntPtr.Zero, (IntPtr)Pin(values)));
    }

    /// <summary>Values are singles or doubles.</summary>
    internal void Vectors(string name, Array values, int dimensions, byte[] validity)
    {
        IntPtr item = (IntPtr)Column(values.Length, new IntPtr[0], IntPtr.Zero, (IntPtr)Pin(values));
        IntPtr bits = validity == null ? IntPtr.Zero : (IntPtr)Pin(validity);
        string format = values is double[] ? "g" : "f";
        schemas.Add((IntPtr)Schema("+w:" + dimensions, name, (IntPtr)Schema(format, "item")));
        arrays.Add((IntPtr)Column(rows, new[] { item }, bits));
    }

    internal void Run(
        string kernel, IReadOnlyDictionary<string, object> parameters, ArrowSchema* schema, ArrowArray* output, ulong memoryLimit = 0)
    {
        Kernels.Invoke(
            kernel, parameters, (IntPtr)Schema("+s", "", schemas.ToArray()),
            (IntPtr)Column(rows, arrays.ToArray(), IntPtr.Zero), (IntPtr)schema, (IntPtr)output, memoryLimit);
    }

    public void Dispose()
    {
        pinned.ForEach(handle => handle.Free());
        taken.ForEach(Marshal.FreeHGlobal);
    }
}
