-- Tables that the procedures in this folder need and that the application's own scripts do not create.
--
-- Mends (numbers of the catalogue of the replaced functions, section 11): 1, dbo.SpatialAnchors and
-- dbo.AtomEmbeddingSpatialMetadata were used and created nowhere; 3, the left singular vectors were not stored, so no layer
-- could be rebuilt. Payloads are plain varbinary(max): FILESTREAM does not exist on Linux.
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
-- One row for each singular component of a layer; LeftVector has as many f32 elements as the layer has rows, RightVector as
-- many as it has columns.
IF OBJECT_ID(N'dbo.TensorAtomComponents', N'U') IS NULL
    CREATE TABLE dbo.TensorAtomComponents
    (
        TensorAtomId bigint NOT NULL
            CONSTRAINT PK_TensorAtomComponents PRIMARY KEY
            CONSTRAINT FK_TensorAtomComponents_TensorAtoms REFERENCES dbo.TensorAtoms (TensorAtomId) ON DELETE CASCADE,
        LayerId bigint NOT NULL,
        Component int NOT NULL,
        SingularValue float NOT NULL,
        LeftVector varbinary(max) NOT NULL,
        RightVector varbinary(max) NOT NULL,
        CONSTRAINT UQ_TensorAtomComponents UNIQUE (LayerId, Component)
    );
GO
