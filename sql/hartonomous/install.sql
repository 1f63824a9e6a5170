-- Installs the procedures of the application Hartonomous on its own tables. Apart from the core: install that first.
-- Run in the folder sql, in the application's database (SQL Server 2025, for VECTOR):
--
--   sqlcmd -b -d Hartonomous -i hartonomous/install.sql
:on error exit
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF OBJECT_ID(N'hart.SpatialProject', N'P') IS NULL
    THROW 59914, N'the wrappers are not here; run install/install.sql first', 1;
IF OBJECT_ID(N'dbo.AtomEmbeddings', N'U') IS NULL OR OBJECT_ID(N'dbo.TensorAtoms', N'U') IS NULL
    THROW 59936, N'the application''s tables are not here; run its own migration first', 1;
GO
:r hartonomous/tables.sql
:r hartonomous/spatial_projection.sql
:r hartonomous/spatial_metadata.sql
:r hartonomous/vector_search.sql
:r hartonomous/semantic_search.sql
:r hartonomous/student_models.sql
:r hartonomous/atomize_model.sql
:r hartonomous/weight_history.sql
