#if NET7_0_OR_GREATER
// Every signature is of numbers and pointers, which go to C as they are. This makes a runtime refuse any that is not, and compilers ahead of time
// call C directly; older runtimes, which lack the attribute, treat these signatures the same way.
[assembly: System.Runtime.CompilerServices.DisableRuntimeMarshalling]
#endif
