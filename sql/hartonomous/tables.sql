-- Tables that the procedures in this folder need and that the application's own scripts do not create.
--
-- Mends (numbers of the catalogue of the replaced functions, section 11): 1, dbo.SpatialAnchors and
-- dbo.AtomEmbeddingSpatialMetadata were used and created nowhere. The payloads of tensor atoms are in atomize_model.sql.
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF OBJECT_ID(N'dbo.SpatialAnchors', N'U') IS NULL
    CREATE TABLE dbo.SpatialAnchors
    (
        AnchorId int NOT NULL CONSTRAINT PK_SpatialAnchors PRIMARY KEY,
        AnchorVector VECTOR(1998) NOT NULL,
        AtomEmbeddingId bigint NULL,
        SelectionMethod nvarchar(50) NOT NULL,
        CreatedAt datetime2 NOT NULL CONSTRAINT DF_SpatialAnchors_CreatedAt DEFAULT SYSUTCDATETIME()
    );
GO
-- Early versions of the application made the table with the columns anchor_id, anchor_name, anchor_vector.
IF COL_LENGTH(N'dbo.SpatialAnchors', N'AnchorId') IS NULL
   OR COL_LENGTH(N'dbo.SpatialAnchors', N'AnchorVector') IS NULL
   OR COL_LENGTH(N'dbo.SpatialAnchors', N'SelectionMethod') IS NULL
    THROW 59942, N'dbo.SpatialAnchors has other columns than AnchorId, AnchorVector, SelectionMethod; drop or rename it, then run this again: dbo.sp_InitializeSpatialAnchors fills the new one', 1;
IF COL_LENGTH(N'dbo.SpatialAnchors', N'AtomEmbeddingId') IS NULL
    ALTER TABLE dbo.SpatialAnchors ADD AtomEmbeddingId bigint NULL;
GO
IF OBJECT_ID(N'dbo.AtomEmbeddingSpatialMetadata', N'U') IS NULL
    CREATE TABLE dbo.AtomEmbeddingSpatialMetadata
    (
        SpatialBucketX int NOT NULL,
        SpatialBucketY int NOT NULL,
        SpatialBucketZ int NOT NULL,
        HasZ bit NOT NULL,
        EmbeddingCount bigint NOT NULL,
        MinProjX float NULL,
        MaxProjX float NULL,
        MinProjY float NULL,
        MaxProjY float NULL,
        MinProjZ float NULL,
        MaxProjZ float NULL,
        UpdatedAt datetime2 NOT NULL CONSTRAINT DF_AtomEmbeddingSpatialMetadata_UpdatedAt DEFAULT SYSUTCDATETIME(),
        CONSTRAINT PK_AtomEmbeddingSpatialMetadata PRIMARY KEY (SpatialBucketX, SpatialBucketY, SpatialBucketZ, HasZ)
    );
GO
