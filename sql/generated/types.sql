SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.

-- Rows as values of a parameter. Vectors are packed little-endian elements, f32 where @element is not given; geometry is its
-- serialized bytes, CAST(g AS varbinary(max)).
-- A type that is in use cannot be altered, so an existing one stays as it is (hart deploy makes it anew).
IF TYPE_ID(N'hart.VectorRows') IS NULL
    CREATE TYPE [hart].[VectorRows] AS TABLE
    (
        [id] bigint NOT NULL,
        [v] varbinary(max) NULL
    );
GO
IF TYPE_ID(N'hart.VectorGroups') IS NULL
    CREATE TYPE [hart].[VectorGroups] AS TABLE
    (
        [group_key] bigint NULL,
        [v] varbinary(max) NULL
    );
GO
IF TYPE_ID(N'hart.VectorPairs') IS NULL
    CREATE TYPE [hart].[VectorPairs] AS TABLE
    (
        [id] bigint NOT NULL,
        [a] varbinary(max) NULL,
        [b] varbinary(max) NULL
    );
GO
IF TYPE_ID(N'hart.BitPairs') IS NULL
    CREATE TYPE [hart].[BitPairs] AS TABLE
    (
        [id] bigint NOT NULL,
        [a] varbinary(max) NULL,
        [b] varbinary(max) NULL
    );
GO
IF TYPE_ID(N'hart.PointRows') IS NULL
    CREATE TYPE [hart].[PointRows] AS TABLE
    (
        [id] bigint NOT NULL,
        [x] float NULL,
        [y] float NULL,
        [z] float NULL
    );
GO
IF TYPE_ID(N'hart.PlaneRows') IS NULL
    CREATE TYPE [hart].[PlaneRows] AS TABLE
    (
        [x] float NULL,
        [y] float NULL
    );
GO
IF TYPE_ID(N'hart.KeyRows') IS NULL
    CREATE TYPE [hart].[KeyRows] AS TABLE
    (
        [id] bigint NOT NULL,
        [key] bigint NULL
    );
GO
IF TYPE_ID(N'hart.GeometryRows') IS NULL
    CREATE TYPE [hart].[GeometryRows] AS TABLE
    (
        [id] bigint NOT NULL,
        [geometry] varbinary(max) NULL
    );
GO
IF TYPE_ID(N'hart.PayloadRows') IS NULL
    CREATE TYPE [hart].[PayloadRows] AS TABLE
    (
        [chunk] bigint NULL,
        [payload] varbinary(max) NULL
    );
GO
