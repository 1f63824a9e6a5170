-- Generated from the registry by `hart sql`; do not edit.

-- Rows of vectors as values of a parameter: packed little-endian elements, f32 where @element is not given.
-- A type that is in use cannot be altered, so an existing one stays as it is.
IF TYPE_ID(N'hart.VectorRows') IS NULL
    CREATE TYPE [hart].[VectorRows] AS TABLE
    (
        [id] bigint NOT NULL,
        [v] varbinary(8000) NULL
    );
GO
IF TYPE_ID(N'hart.VectorPairs') IS NULL
    CREATE TYPE [hart].[VectorPairs] AS TABLE
    (
        [id] bigint NOT NULL,
        [a] varbinary(8000) NULL,
        [b] varbinary(8000) NULL
    );
GO
